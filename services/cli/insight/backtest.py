"""`footfall insights backtest`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.interval_pb2 import Interval

from footfall.insights.v1.backtest_pb2 import BacktestDetectorsRequest, BacktestDetectorsResponse
from services.cli import options, telling
from services.cli.calling import Caller, calls_to
from services.cli.insight import judging, thresholds, views
from services.cli.insight.asking import insight_of
from services.cli.moments import BeginningOf, EndOf
from services.cli.terminal import consoles
from services.cli.terminal.gauge import gauge

_WORDS = "judging the detectors"


@click.command("backtest")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--since", type=BeginningOf(), help="Judge from then on.  [default: the beginning]")
@click.option("--until", type=EndOf(), help="Judge up to then; a day means its end.")
@click.option(
    "--step-days",
    type=click.IntRange(1, 30),
    default=7,
    show_default=True,
    help="Days from one run to the next.",
)
@click.option(
    "--set",
    "changes",
    metavar="NAME=NUMBER",
    multiple=True,
    help="Judge this threshold instead. Repeatable; `footfall insights settings` names all.",
)
@options.as_json
@calls_to("insight")
def backtest(
    *,
    file: Path | None,
    since: Timestamp | None,
    until: Timestamp | None,
    step_days: int,
    changes: tuple[str, ...],
    as_json: bool,
    caller: Callable[[], Caller],
) -> None:
    r"""Say how often the detectors would have been right.

    Runs them over days gone by and looks what came of each warning: over the organisation's own
    history, which insight has, or over a FILE, which is judged here and sent nowhere. It has the
    columns unix_ts, org, user and event, and may have bot; days are those of UTC, what bots did is
    left out, and each organisation is judged by itself.

    Right is a warning that came true (precision); seen is what had been warned of (recall), and
    ahead how many days before, at the median. The ranges are 95 % intervals.

    \b
    footfall insights backtest
    footfall insights backtest activity.csv.gz --step-days 14
    footfall insights backtest --since 2025-01-01 --set min_previous_events=200
    """
    if file is None:
        request = _request(since, until, step_days, changes)
        with gauge(consoles.asides(), _WORDS, silent=as_json) as tell:
            answer = asyncio.run(_asked(caller, request, tell))
        _show_answer(answer, step_days, as_json=as_json)
    else:
        terms = _terms(since, until, step_days, changes)
        with gauge(consoles.asides(), _WORDS, silent=as_json) as tell:
            judgement = judging.judge(file, terms, tell)
        _show_judgement(judgement, as_json=as_json)


def _request(
    since: Timestamp | None, until: Timestamp | None, step_days: int, changes: tuple[str, ...]
) -> BacktestDetectorsRequest:
    return BacktestDetectorsRequest(
        interval=Interval(start_time=since, end_time=until),
        step_days=step_days,
        settings=thresholds.changed(changes, "") if changes else None,
    )


def _terms(
    since: Timestamp | None, until: Timestamp | None, step_days: int, changes: tuple[str, ...]
) -> judging.Terms:
    end = until.ToDatetime(UTC) if until else datetime.now(UTC)
    return judging.Terms(
        step_days=step_days,
        settings=judging.settings_of(changes),
        judged_from=since.ToDatetime(UTC).date() if since else None,
        until_micros=round(end.timestamp()) * 1_000_000,
    )


async def _asked(
    caller: Callable[[], Caller], request: BacktestDetectorsRequest, tell: judging.Tell
) -> BacktestDetectorsResponse:
    async with insight_of(caller()) as insight:
        return await judging.ask(insight, request, tell)


def _show_answer(answer: BacktestDetectorsResponse, step_days: int, *, as_json: bool) -> None:
    if as_json:
        telling.one_line(answer)
        return
    over = f"{answer.subjects:,} subjects, {answer.runs:,} runs {step_days} days apart"
    telling.show(views.reports(answer.reports), f"[dim]{over}[/]")


def _show_judgement(judgement: judging.Judgement, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(judgement.as_json()))
    else:
        telling.show(views.reports(judgement.reports), f"[dim]{judgement.in_words()}[/]")
