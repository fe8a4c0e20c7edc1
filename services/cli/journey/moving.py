"""How clients move between stages, and where one is likely to go, for people to read."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from footfall.journey.v1.funnel_pb2 import (
    FunnelStage,
    GetStageFunnelResponse,
    PredictStageResponse,
)
from services.cli.journey import advice, views, words
from services.cli.terminal import blocks

_WIDTH = 30
_MOVES_SHOWN = 8


def funnel(told: GetStageFunnelResponse) -> RenderableType:
    """A bar for each stage: full for who went on, light for who did not; then the usual moves."""
    came = [one for one in told.stages if one.entered]
    if not came:
        return Text("No client came to any stage in this time.", "dim")
    rows = views.table("stage", "came", "", "went on", "after", "here", "lost",
                       right=["came", "went on", "after", "here", "lost"])  # fmt: skip
    most = max(one.entered for one in came)
    for one in came:
        rows.add_row(*_step(one, most))
    state = "" if told.complete else "; the time is not over yet"
    return Group(rows, "", *_moves(told), Text(f"as of {words.time(told.as_of)}{state}", "dim"))


def _step(one: FunnelStage, most: int) -> tuple[Text, ...]:
    on, all_ = (round(count / most * _WIDTH) for count in (one.converted, one.entered))
    drawn = Text().append("█" * on, "cyan").append("░" * (max(all_, 1) - on), "dim cyan")
    after = (
        words.lasting(one.median_seconds_to_convert)
        if one.HasField("median_seconds_to_convert")
        else "-"
    )
    share = f"{one.conversion:.0%}" if one.HasField("conversion") else "-"
    counts = (Text(f"{count:,}") for count in (one.here_now, one.lost))
    return (
        views.stage(one.stage),
        Text(f"{one.entered:,}"),
        drawn,
        Text(share),
        Text(after),
        *counts,
    )


def _moves(told: GetStageFunnelResponse) -> list[RenderableType]:
    if not told.transitions:
        return []
    rows = Table.grid(padding=(0, 1))
    most = max(one.count for one in told.transitions)
    for one in told.transitions[:_MOVES_SHOWN]:
        rows.add_row(
            views.stage(one.from_stage),
            Text("→"),
            views.stage(one.to_stage),
            Text(f"{one.count:,}", justify="right"),
            Text(blocks.bar(one.count, most, _WIDTH // 2), "blue"),
            Text(f"{one.share:.0%} of visits, after {words.lasting(one.median_seconds)}", "dim"),
        )
    return [Text("the moves seen most often", "italic"), rows, ""]


def prediction(told: PredictStageResponse, client_id: str, days: int) -> RenderableType:
    """Each next stage with its probability, when, and what that rests on."""
    head = Text().append(client_id, "bold").append(": in ")
    head.append_text(views.stage(told.current_stage))
    head.append(f" since {words.day(told.stage_since)}").append(
        f"  as of {words.time(told.as_of)}", "dim"
    )
    rows = Table.grid(padding=(0, 1))
    for one in told.next_stages:
        rows.add_row(
            views.stage(one.stage),
            advice.interval(one.probability, one.lower, one.upper),
            Text(f"{one.probability:4.0%}", "bold cyan"),
            Text(f"{one.lower:.0%}…{one.upper:.0%}; {one.probability_within_horizon:.0%} within "
                 f"{days} days", "dim"),
        )  # fmt: skip
    moves = f"moves within {days} days: {told.probability_within_horizon:.0%}{_when(told)}"
    return Group(head, Text("goes next to", "italic"), rows, Text(moves), _rests_on(told))


def _when(told: PredictStageResponse) -> str:
    if not told.HasField("time_to_next"):
        return "; less than half ever do"
    time = told.time_to_next
    quarter, half = words.lasting(time.lower_seconds), words.lasting(time.median_seconds)
    moved = f"; a quarter of such clients within {quarter}, half within {half}"
    if time.HasField("upper_seconds"):
        moved += f", three quarters within {words.lasting(time.upper_seconds)}"
    return moved


def _rests_on(told: PredictStageResponse) -> Text:
    visits = words.counted(told.sample_visits, "visit")
    rests = f"{told.history_weight:.0%} of the answer rests on {visits} of your own history"
    if told.insufficient_data:
        return Text(f"too little to rely on: {rests}", "yellow")
    return Text(rests, "dim")
