"""How clients move between stages, and where one is likely to go, for people to read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

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
from services.cli.terminal.sized import NARROW, Sized
from services.cli.terminal.tables import table

_WIDTH, _SHORTEST = 30, 5
"""Of bars; where there is no room for the shortest there is none."""
_BESIDE_A_STEP, _BESIDE_A_MOVE = 60, 71
"""What the words of a line take."""
_MOVES_SHOWN = 8


def funnel(told: GetStageFunnelResponse) -> RenderableType:
    """A bar for each stage: full for who went on, light for who did not; then the usual moves."""
    came = [one for one in told.stages if one.entered]
    if not came:
        return Text("No client came to any stage in this time.", "dim")
    rows = Sized(lambda width: _steps(came, min(_WIDTH, width - _BESIDE_A_STEP)))
    state = "" if told.complete else "; the time is not over yet"
    return Group(rows, "", *_moves(told), Text(f"as of {words.time(told.as_of)}{state}", "dim"))


def _steps(came: Sequence[FunnelStage], width: int) -> Table:
    """Without the bar, and without the time it took, where these have no room."""
    right = ["came", "went on", "after", "here", "lost"]
    titles = ["stage", "came", "", "went on", "after", "here", "lost"]
    told = [True, True, width >= _SHORTEST, True, width >= 0, True, True]
    rows = table(*compress(titles, told), right=right)
    most = max(one.entered for one in came)
    for one in came:
        rows.add_row(*compress(_step(one, most, width), told))
    return rows


def _step(one: FunnelStage, most: int, width: int) -> tuple[Text, ...]:
    on, all_ = (round(count / most * width) for count in (one.converted, one.entered))
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
    rows = Sized(lambda width: _transitions(told, min(_WIDTH // 2, width - _BESIDE_A_MOVE)))
    return [Text("the moves seen most often", "italic"), rows, ""]


def _transitions(told: GetStageFunnelResponse, width: int) -> RenderableType:
    """A line for each, with a bar where there is room for it."""
    rows = _grid(5)
    lines: list[Text] = []
    most = max(one.count for one in told.transitions)
    for one in told.transitions[:_MOVES_SHOWN]:
        way = views.stage(one.from_stage), Text("→"), views.stage(one.to_stage)
        count = Text(f"{one.count:,}", justify="right")
        share = Text(f"{one.share:.0%} of visits, after {words.lasting(one.median_seconds)}", "dim")
        rows.add_row(*way, count, Text(blocks.bar(one.count, most, max(width, 1)), "blue"), share)
        lines.append(Text(" ").join([*way, count, share]))
    return rows if width >= _SHORTEST else Group(*lines)


def _grid(whole: int) -> Table:
    """Of which so many columns are never wrapped, and one behind them is."""
    made = Table.grid(padding=(0, 1))
    for _ in range(whole):
        made.add_column(no_wrap=True)
    made.add_column()
    return made


def prediction(told: PredictStageResponse, client_id: str, days: int) -> RenderableType:
    """Each next stage with its probability, when, and what that rests on."""
    head = Text().append(client_id, "bold").append(": in ")
    head.append_text(views.stage(told.current_stage))
    head.append(f" since {words.day(told.stage_since)}").append(
        f"  as of {words.time(told.as_of)}", "dim"
    )
    rows = Sized(lambda width: _next_stages(told, days, pictures=width >= NARROW))
    moves = f"moves within {days} days: {told.probability_within_horizon:.0%}{_when(told)}"
    return Group(head, Text("goes next to", "italic"), rows, Text(moves), _rests_on(told))


def _next_stages(told: PredictStageResponse, days: int, *, pictures: bool) -> Table:
    rows = _grid(3 if pictures else 2)
    for one in told.next_stages:
        picture = advice.interval(one.probability, one.lower, one.upper)
        rows.add_row(
            views.stage(one.stage),
            *([picture] if pictures else []),
            Text(f"{one.probability:4.0%}", "bold cyan"),
            Text(f"{one.lower:.0%}…{one.upper:.0%}; {one.probability_within_horizon:.0%} within "
                 f"{days} days", "dim"),
        )  # fmt: skip
    return rows


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
