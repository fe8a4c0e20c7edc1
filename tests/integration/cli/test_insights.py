"""`footfall insights` as people and scripts use it, on a real insight and real events."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from services.cli.__main__ import main
from tests.detecting import NOON, events, send
from tests.ingesting import Caller, running_folding, running_ingest
from tests.insighting import Insight, running_insight
from tests.organisations import Organisation, add_organisation
from tests.postgres import Template

DAY_OF_NOON = f"{NOON:%Y-%m-%d}"


@dataclass
class Commands:
    """The command, with the key of an organisation and the address of insight."""

    insight: Insight
    backend: Caller
    key: str

    @property
    def environ(self) -> Mapping[str, str]:
        return {"FOOTFALL_API_KEY": self.key, "FOOTFALL_INSIGHT_ADDRESS": self.insight.address}

    def __call__(self, *words: str, **environ: str | None) -> Result:
        return CliRunner().invoke(main, ["insights", *words], env={**self.environ, **environ})

    def people(self, *words: str) -> str:
        result = self(*words)
        assert result.exit_code == 0, result.output
        assert "\x1b[" not in result.stdout
        return "\n".join(line.rstrip() for line in result.stdout.splitlines())

    def json(self, *words: str) -> Any:
        result = self(*words, "--json")
        assert result.exit_code == 0, result.output
        assert len(result.stdout.splitlines()) == 1
        return json.loads(result.stdout)

    def refusal(self, *words: str, **environ: str | None) -> str:
        result = self(*words, **environ)
        assert result.exit_code in {1, 2}
        assert not result.stdout
        assert isinstance(result.exception, SystemExit), "a stack instead of a message"
        return result.stderr


@pytest.fixture(scope="module")
def running(template: Template) -> Iterator[tuple[Any, Insight]]:
    with (
        template.clone() as database,
        running_ingest(database) as ingest,
        running_folding(database),
        running_insight(database) as insight,
    ):
        yield ingest, insight


@pytest.fixture
def acme(running: tuple[Any, Insight]) -> Organisation:
    return add_organisation(running[1].database, "Acme")


@pytest.fixture
def insights(running: tuple[Any, Insight], acme: Organisation) -> Commands:
    ingest, insight = running
    return Commands(insight, ingest.caller(acme), acme.api_key())


@pytest.fixture
def stuck(insights: Commands) -> Commands:
    """Mia used `export` once and gave up on it six times in the week before NOON."""
    about = {"user_id": "mia", "client_id": "c-1", "feature": "export"}
    send(insights.backend, [*events(6, 2, "feature_abandoned", **about), *events(1, 3, **about)])
    return insights


def test_what_is_found_is_shown_with_its_evidence_and_its_picture(stuck: Commands) -> None:
    said = stuck.people("generate", "--as-of", NOON.isoformat())
    lines = said.splitlines()
    about = lines.index(next(line for line in lines if "user mia, export" in line))
    assert lines[about].startswith("medium    stuck user: user mia, export  ")
    assert lines[about].endswith(" 28 days")
    assert lines[about].count("█") == 1
    assert lines[about + 1].strip().startswith("6 > 5; weight 0.75, confidence 1.000 (count)")
    assert "would change: 1 abandonment fewer in 7 days" in lines[about + 2]
    assert "→ onboarding_assistance: This user gave up export 6 times" in lines[about + 3]
    assert lines[about + 4].endswith("  open")
    assert "shown (" in said
    assert f"as of {NOON:%Y-%m-%d %H:%M} UTC" in said


def test_a_script_gets_all_that_the_contract_says(stuck: Commands) -> None:
    answer = stuck.json("generate", "--as-of", NOON.isoformat(), "--user", "mia", "--limit", "1")
    assert answer["kept"]
    assert answer["subjects"] == "1"
    subjects = [one["subject"] for one in answer["insights"]]
    assert {"user_id": "mia", "feature": "export"} in subjects
    assert len(subjects) == 2, "the limit is for people"
    assert {one["insight_type"] for one in answer["insights"]} == {"INSIGHT_TYPE_STUCK_USER"}
    assert stuck.json("generate", "--user", "nobody", "--as-of", NOON.isoformat())["insights"] == []


def test_a_look_back_says_that_it_is_not_kept(stuck: Commands) -> None:
    stuck.json("generate", "--as-of", NOON.isoformat())
    yesterday = f"{NOON.replace(day=1):%Y-%m-%d}" if NOON.day > 2 else "2026-01-01"
    said = stuck.people("generate", "--as-of", yesterday)
    assert "a look back, not kept" in " ".join(said.split())


def test_a_day_means_its_end(stuck: Commands) -> None:
    answer = stuck.json("generate", "--as-of", DAY_OF_NOON)
    assert answer["as_of"] > f"{DAY_OF_NOON}T23:59:59Z"
    profile = stuck.json("profile", "mia", "--as-of", DAY_OF_NOON)["profile"]
    assert profile["as_of"] == answer["as_of"]


def test_an_insight_is_taken_on_done_with_and_listed_by_where_it_stands(stuck: Commands) -> None:
    found = stuck.json("generate", "--as-of", NOON.isoformat())["insights"]
    first, second = (one["insight_id"] for one in found if one["subject"].get("user_id") == "mia")
    assert f"{first}  open" in stuck.people("show", first)
    taken = stuck.json("acknowledge", first, "--note", "I call her")["insight"]
    assert (taken["state"], taken["note"]) == ("INSIGHT_STATE_ACKNOWLEDGED", "I call her")
    assert f"{first}  acknowledged" in stuck.people("list")
    assert f"{first}  resolved" in stuck.people("resolve", first)
    assert f"{second}  dismissed" in stuck.people("dismiss", second)
    assert stuck.json("list", "--state", "resolved")["insights"][0]["insight_id"] == first
    assert stuck.json("list", "--user", "mia")["insights"] == []
    standing = stuck.json("list", "--type", "stuck_user")["insights"]
    whose = {next(iter(one["subject"])) for one in standing}
    assert whose == {"org", "client_id"}, "hers are closed"
    assert "there are more: raise --limit" in stuck.people("list", "--limit", "1")


def test_profiles_and_signals_are_shown(stuck: Commands) -> None:
    said = stuck.people("profile", "mia")
    assert said.startswith("mia, as of ")
    assert "7 events on 2 days" in said
    stuck.json("generate", "--as-of", NOON.isoformat())  # waits until clients are counted
    signals = stuck.json("signals", "c-1", "--as-of", NOON.isoformat())["signals"]
    assert signals["recent_events"] == "7"
    said = stuck.people("signals", "c-1", "--as-of", NOON.isoformat())
    assert "7 events in 7 days, 0 in the 7 before" in said
    assert "stuck user: client c-1" in said


def test_feeds_are_published_and_listed(stuck: Commands) -> None:
    stuck.json("generate", "--as-of", NOON.isoformat())
    handed = stuck.people("publish", "concierge", "--session", "s-42", "--user", "mia")
    assert "stuck user: user mia" in handed
    assert "handed over as" in handed
    assert stuck.json("publish", "tier-manager")["insights"] == []
    listed = stuck.people("deliveries").splitlines()
    assert [line.split()[2] for line in listed[1:]] == ["tier", "concierge"]
    assert "s-42" in listed[2]


def test_thresholds_are_shown_and_changed(insights: Commands, acme: Organisation) -> None:
    refused = insights.refusal("settings", "stuck_count=8")
    assert refused.endswith("The role service may not do this.\n")
    insights.key = acme.api_key("adam")
    assert insights.people("settings").splitlines()[0].split() == ["version", "the", "defaults"]
    changed = insights.json("settings", "stuck_count=8", "weights.stuck_user=.5")["settings"]
    assert (changed["version"], changed["stuck_count"]) == (1, 8)
    assert changed["weights"]["stuck_user"] == 0.5
    assert changed["weights"]["churn_risk"] == 0.9
    contradiction = insights.refusal("settings", "churn_ratio=0.9")
    assert "decline_ratio" in contradiction


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("generate", "--user", "mia", "--client", "c-1"), "Give --user or --client, not both."),
        (("generate", "--as-of", "2999-01-01"), "2999-01-01 is not over yet"),
        (("generate", "--as-of", "noon"), "'noon' is no time"),
        (("show", "xx"), "must be a valid UUID"),
        (("show", "0198c5a2-7c1e-7000-8000-000000000001"), "NOT_FOUND"),
        (("profile", "nobody"), "NOT_FOUND"),
        (("publish", "concierge"), "give --session"),
        (("publish", "tier-manager", "--user", "mia"), "give no option"),
        (("settings", "stuck_cont=3"), "Did you mean stuck_count"),
        (("watch", "--resume-token", "nonsense"), "INVALID_ARGUMENT"),
        (("list", "--type", "nonsense"), "is not one of"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(
    insights: Commands, words: tuple[str, ...], told: str
) -> None:
    assert told in insights.refusal(*words)


def test_who_may_not_ask_is_told_so(insights: Commands, acme: Organisation, tmp_path: Path) -> None:
    member = insights.refusal("list", FOOTFALL_API_KEY=acme.api_key("mia"))
    assert "PERMISSION_DENIED" in member
    assert "UNAUTHENTICATED" in insights.refusal("list", FOOTFALL_API_KEY="ff_nobody_x")
    assert "footfall key create" in insights.refusal("list", FOOTFALL_API_KEY=None)
    away = insights.refusal("list", FOOTFALL_INSIGHT_ADDRESS="127.0.0.1:1")
    assert "Is `footfall up` running?" in away
    nowhere = insights.refusal(
        "list",
        "--data-dir",
        str(tmp_path),
        FOOTFALL_INSIGHT_ADDRESS=None,
        FOOTFALL_INSIGHT_PORT="1",
    )
    assert "127.0.0.1:1 was called" in nowhere


def test_a_backtest_judges_the_own_history(insights: Commands) -> None:
    gone = {"user_id": "leo", "client_id": "", "feature": ""}
    for days in range(140, 75, -7):
        send(insights.backend, events(25, days, **gone))
    send(insights.backend, events(6, 70, **gone))
    report = insights.json("backtest", "--until", DAY_OF_NOON)
    by_type = {one["insight_type"]: one for one in report["reports"]}
    churn = by_type["INSIGHT_TYPE_CHURN_RISK"]
    assert (churn["alerts"], churn["true_alerts"], churn["foreseen"]) == ("2", "2", "2")
    assert report["subjects"] == "2"
    said = insights.people("backtest", "--until", DAY_OF_NOON)
    assert "2 subjects, " in said
    assert "2/2" in next(line for line in said.splitlines() if line.startswith("churn risk"))
    strict = insights.json("backtest", "--until", DAY_OF_NOON, "--set", "min_previous_events=26")
    assert all(one["alerts"] == "0" for one in strict["reports"][:2])
    assert "end_time: must lie after start_time" in insights.refusal(
        "backtest", "--since", "2026-01-02", "--until", "2026-01-01"
    )


def test_the_watch_shows_what_is_found_one_document_a_line(insights: Commands) -> None:
    argv = [sys.executable, "-m", "services.cli", "insights", "watch", "--json", "--count", "3"]
    environ = {**os.environ, **insights.environ}
    users = (f"user-{number}" for number in range(1000))
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environ) as watching:
        deadline = time.monotonic() + 120
        while watching.poll() is None:
            assert time.monotonic() < deadline
            user = next(users)
            send(insights.backend, events(6, 2, "feature_abandoned", user_id=user, feature="f"))
            insights.json("generate", "--as-of", NOON.isoformat(), "--user", user)
        assert watching.stdout is not None
        seen = [json.loads(line) for line in watching.stdout]
    assert watching.returncode == 0
    assert len(seen) == 3
    assert {one["insight_type"] for one in seen} == {"INSIGHT_TYPE_STUCK_USER"}
    assert all(one["state"] == "INSIGHT_STATE_OPEN" for one in seen)
