"""A file of activity, judged like a history: what is counted, left out, refused."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from services.cli.__main__ import main
from services.cli.importing.sources import FileUnreadable
from services.cli.insight import archives, judging

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
WEEKS = 20
HEADER = "unix_ts,org,user,event,bot"
EVER = (0, 2**62)


def row(day: float, user: str, org: str = "acme", event: str = "commit", bot: int = 0) -> str:
    return f"{int((FIRST + timedelta(days=day)).timestamp())},{org},{user},{event},{bot}"


def weekly(user: str, counts: Iterable[int], org: str = "acme") -> list[str]:
    """So many events in the middle of each week."""
    return [
        row(7 * week + 3.5, user, org) for week, count in enumerate(counts) for _ in range(count)
    ]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Leo leaves after ten weeks, by way of one that is slow; Ada stays; a bot never sleeps."""
    rows = [
        *weekly("leo", [40] * 10 + [8]),
        *weekly("ada", [40] * WEEKS),
        *weekly("", [1] * WEEKS),
        *weekly("ada", [1] * WEEKS, "globex"),
        *[row(day, "robot", bot=1) for day in range(100)],
        row(3, "leo", "") ,
        "noon,acme,leo,commit,0",
        "1,2",
    ]  # fmt: skip
    path = tmp_path / "activity.csv.gz"
    with gzip.open(path, "wt") as out:
        out.write("\n".join([HEADER, *rows, ""]))
    return path


def judge(path: Path, **terms: Any) -> judging.Judgement:
    given: dict[str, Any] = {
        "step_days": 7, "settings": judging.settings_of([]), "judged_from": None,
        "until_micros": EVER[1], **terms,
    }  # fmt: skip
    return judging.judge(path, judging.Terms(**given), lambda _: None)


def backtest(*words: str) -> Result:
    environ = {"FOOTFALL_API_KEY": None, "FOOTFALL_INSIGHT_ADDRESS": None}
    return CliRunner().invoke(main, ["insights", "backtest", *words], env=environ)


def test_what_is_counted_and_what_is_left_out(file: Path) -> None:
    archive = archives.read(file, EVER)
    assert list(archive.organisations) == ["acme", "globex"]
    assert archive.users == 2, "who is in two organisations is one, who has no name is none"
    assert (archive.events, archive.bots, archive.unreadable) == (408 + 800 + 20 + 20, 100, 3)
    assert archive.days == (date(2024, 1, 4), date(2024, 1, 4) + timedelta(weeks=WEEKS - 1))
    acme, globex = archive.histories()
    assert acme.organisation.events.between(0, 7) == 81
    assert [series.subject.id for series in acme.subjects] == ["leo", "ada"]
    assert [series.events.between(0, 10**6) for series in globex.subjects] == [20]
    assert (acme.count, globex.count) == (2, 1)
    assert acme.span.days == 7 * (WEEKS - 1) + 1


def test_a_warning_that_came_true_is_right_and_came_ahead(file: Path) -> None:
    judgement = judge(file)
    churn = judgement.reports[0]
    assert (churn.alerts, churn.judged, churn.true_alerts) == (1, 1, 1)
    assert (churn.outcomes, churn.foreseen) == (1, 1)
    assert churn.lead_days >= 28
    assert judgement.runs > WEEKS - 4


def test_each_organisation_is_judged_by_itself_and_all_are_added_up(tmp_path: Path) -> None:
    leaving = [40] * 10 + [8] + [0] * 9
    one, both = tmp_path / "one.csv", tmp_path / "both.csv"
    there = weekly("ada", [40] * WEEKS)
    one.write_text("\n".join([HEADER, *weekly("leo", leaving), *there]))
    others = [line.replace("acme", "globex") for line in (*weekly("leo", leaving), *there)]
    both.write_text("\n".join([HEADER, *weekly("leo", leaving), *there, *others]))
    single, double = judge(one), judge(both)
    assert double.runs == 2 * single.runs
    for of_one, of_both in zip(single.reports, double.reports, strict=True):
        assert of_both.alerts == 2 * of_one.alerts
        assert of_both.outcomes == 2 * of_one.outcomes
        assert of_both.lead_days == of_one.lead_days
        assert of_both.brier_score == pytest.approx(of_one.brier_score)


def test_the_order_of_the_rows_does_not_matter(file: Path, tmp_path: Path) -> None:
    header, *rows = gzip.decompress(file.read_bytes()).decode().splitlines()
    turned = tmp_path / "turned.csv"
    turned.write_text("\n".join([header, *reversed(rows)]))
    assert judge(turned).as_json() == judge(file).as_json()


def test_since_until_and_thresholds_bound_what_is_judged(file: Path) -> None:
    late = judge(file, judged_from=date(2024, 5, 1))
    assert late.reports[0].alerts == 0, "the warning was before"
    assert 0 < late.runs < judge(file).runs / 3
    end = int(datetime(2024, 2, 1, tzinfo=UTC).timestamp()) * 1_000_000
    assert judge(file, until_micros=end).archive.days[1] < date(2024, 2, 1)
    strict = judge(file, settings=judging.settings_of(["min_previous_events=50"]))
    assert strict.reports[0].alerts == 0


def test_voice_reports_and_abandonments_are_counted_apart(tmp_path: Path) -> None:
    path = tmp_path / "kinds.csv"
    kinds = ("voice_generation", "report_generated", "feature_abandoned", "feature_used")
    path.write_text("\n".join([HEADER, *(row(1, "mia", event=kind) for kind in kinds)]))
    (history,) = archives.read(path, EVER).histories()
    (mia,) = history.subjects
    counted = (mia.events, mia.voice, mia.reports, mia.abandoned)
    assert [one.between(0, 7) for one in counted] == [4, 1, 1, 1]


def test_scripts_get_one_document_and_people_a_table(file: Path) -> None:
    done = backtest(str(file), "--json")
    assert done.exit_code == 0, done.output
    (line,) = done.stdout.splitlines()
    document = json.loads(line)
    assert (document["organisations"], document["users"], document["unreadable"]) == (2, 2, 3)
    assert document["reports"][0]["insight_type"] == "INSIGHT_TYPE_CHURN_RISK"
    assert len(document["reports"]) == 7
    assert not done.stderr
    said = backtest(str(file)).stdout
    assert "churn risk" in said
    assert re.search(r"churn risk +28 silent days in a row", said)
    assert "2 organisations, 2 users, 1,248 events from 2024-01-04" in said
    assert max(map(len, said.splitlines())) <= 100


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--set", "stuck_cont=1"), "Did you mean stuck_count"),
        (("--set", "churn_ratio=1.5"), "These thresholds will not do: churn_ratio"),
        (("--set", "churn_ratio=0.8"), "must not be more than decline_ratio"),
        (("--since", "noon"), "'noon' is no time"),
        (("--step-days", "31"), "31 is not in the range"),
    ],
)
def test_what_cannot_be_judged_by_is_refused(file: Path, words: tuple[str, ...], told: str) -> None:
    done = backtest(str(file), *words)
    assert done.exit_code == 2
    assert told in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,2\n", "has no column unix_ts or org or user or event"),
        (f"{HEADER}\n", "holds nothing to judge"),
        (f"{HEADER}\nnoon,acme,mia,commit,0\n", "holds nothing to judge"),
        (f"{HEADER}\n1,acme,mia,commit,1\n", "holds nothing to judge"),
    ],
)
def test_a_file_that_holds_nothing_is_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "empty.csv"
    path.write_text(text)
    with pytest.raises(FileUnreadable, match=told):
        archives.read(path, EVER)
    done = backtest(str(path))
    assert done.exit_code == 1
    assert told in done.stderr


def test_without_a_file_somebody_has_to_be_asked(tmp_path: Path) -> None:
    done = backtest("--data-dir", str(tmp_path))
    assert done.exit_code == 1
    assert "footfall key create" in done.stderr


def test_thresholds_of_the_command_line_are_those_of_the_rules() -> None:
    settings = judging.settings_of(["churn_ratio=0.25", "stuck_count=8"])
    assert (float(settings.churn_ratio), settings.stuck_count) == (0.25, 8)
    with pytest.raises(click.UsageError, match="stuck_count"):
        judging.settings_of(["stuck_count=-1"])
