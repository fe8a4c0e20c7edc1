"""Clients and where they stand, for people to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from footfall.journey.v1.clients_pb2 import Client, ClientStanding, GetClientResponse
from footfall.journey.v1.journey_pb2 import RiskFinding, Score
from footfall.journey.v1.tracking_pb2 import (
    EventVerdict,
    GetClientJourneyResponse,
    TrackJourneyEventResponse,
)
from services.cli.journey import words
from services.cli.journey.timeline import Timeline
from services.cli.journey.waterfall import Waterfall
from services.cli.terminal import blocks
from services.cli.terminal.sized import NARROW, Sized
from services.cli.terminal.tables import table

UNKNOWN_USE = "nothing is known of how the client uses the product"

_FULL = 100.0
_GAUGE_WIDTH = 10
_INDENT = 2


def level(value: int) -> Text:
    """How much there is to worry about."""
    return Text(words.level(value), words.LEVEL_STYLES.get(value, ""))


def stage(value: int) -> Text:
    return Text(words.stage(value), words.STAGE_STYLES.get(value, "cyan"))


def clients(found: Sequence[Client]) -> RenderableType:
    """A line for each."""
    if not found:
        return Text("There are no such clients.", "dim")
    rows = table("client", "name", "ai score", "status", "owner", "segment", "tags")
    for one in found:
        rows.add_row(
            Text(one.client_id, "bold"),
            Text(one.name),
            Text(f"{one.ai_score:g}" if one.HasField("ai_score") else "-"),
            Text(one.status),
            Text(one.owner),
            Text(one.segment),
            Text(" ".join(one.tags), "dim"),
        )
    return rows


def client(told: GetClientResponse) -> RenderableType:
    """All that is kept of one, and where it stands."""
    one, standing = told.client, told.standing
    rows = Table.grid(padding=(0, 2))
    for title, value in _kept(one):
        if value:
            rows.add_row(Text(title, "dim"), Text(value))
    return Group(_head(one.client_id, one.name), rows, _stands(standing), *risks(standing.risks))


def _kept(one: Client) -> Iterator[tuple[str, str]]:
    yield "e-mail", one.email
    yield "ai score", f"{one.ai_score:g}" if one.HasField("ai_score") else "none, counts as 50"
    yield "status", one.status
    yield "owner", one.owner
    yield "segment", one.segment
    yield "tags", ", ".join(one.tags)
    yield "time zone", one.time_zone
    yield "contact", "wants none" if one.do_not_contact else ""
    yield "known since", words.time(one.created_at)
    yield "changed", words.time(one.updated_at)


def _stands(one: ClientStanding) -> Text:
    line = Text("stands in ").append_text(stage(one.stage))
    line.append(f" since {words.day(one.stage_since)}, score {one.score:g} of 100, level ")
    return line.append_text(level(one.risk_level))


def standings(found: Sequence[ClientStanding], nothing: str) -> RenderableType:
    """Who stands where, a line for each, in the order of the answer."""
    if not found:
        return Text(nothing, "dim")
    return Sized(lambda width: _standings_in(width, found))


def _standings_in(width: int, found: Sequence[ClientStanding]) -> RenderableType:
    if width < NARROW:
        return Group(*(_standing(one, Text()) for one in found))
    rows = table("level", "client", "score", "", "stage", "since", "risks",
                 right=["score"], whole=["level", "", "stage", "since"])  # fmt: skip
    for one in found:
        gauge = blocks.bar(one.score, _FULL, _GAUGE_WIDTH)
        rows.add_row(
            level(one.risk_level),
            Text(words.who(one.client_id, one.name), "bold"),
            Text(f"{one.score:g}"),
            Text(f"{gauge:{_GAUGE_WIDTH}}", "cyan"),
            stage(one.stage),
            Text(words.day(one.stage_since), "dim"),
            Text(", ".join(words.risk(risk.risk) for risk in one.risks)),
        )
    return rows


def changed(one: ClientStanding) -> RenderableType:
    """One as it stands after a change, in a line."""
    return _standing(one, Text().append(f"{words.time(one.as_of)}  ", "dim"))


def _standing(one: ClientStanding, line: Text) -> Text:
    line.append(words.who(one.client_id, one.name), "bold")
    line.append(": ").append_text(stage(one.stage)).append(f", score {one.score:g}, level ")
    risks = ", ".join(words.risk(risk.risk) for risk in one.risks)
    return line.append_text(level(one.risk_level)).append(f"; {risks or 'no risks'}", "dim")


def journey(told: GetClientJourneyResponse, client_id: str, name: str = "") -> RenderableType:
    """The journey as a picture, the score as a waterfall, the risks with what clears them."""
    score = told.score_details
    head = _head(client_id, name).append(f"  as of {words.time(told.as_of)}", "dim")
    line = Text("in ").append_text(stage(told.current_stage))
    line.append(f" since {words.day(told.stage_since)}, level ")
    line.append_text(level(score.risk_level))
    parts: list[RenderableType] = [head, line, "", Timeline(told), ""]
    return Group(*parts, *scored(score))


def scored(score: Score) -> Iterator[RenderableType]:
    """What it is made of, and the risks behind it."""
    yield Waterfall(score)
    if score.risks:
        yield ""
        yield from risks(score.risks)
    if not score.signals_available:
        yield Text(f"{UNKNOWN_USE}: low feature usage cannot be found", "dim")


def risks(found: Sequence[RiskFinding]) -> Iterator[RenderableType]:
    """Each with its evidence and what would clear it."""
    for one in found:
        since = f" since {words.day(one.since)}" if one.HasField("since") else ""
        told = Text().append("! ", "yellow").append(words.risk(one.risk), "bold")
        yield told.append(since, "dim")
        details = Group(Text(one.evidence), Text(f"clears with: {one.clears_when}", "dim"))
        yield Padding(details, (0, 0, 0, _INDENT))


def tracked(told: TrackJourneyEventResponse) -> RenderableType:
    """What became of an event, and where its client is now."""
    line = Text().append(words.read(EventVerdict, told.verdict), "green")
    line.append(f"  {told.event_id}", "dim")
    line.append("\nthe client is in ").append_text(stage(told.current_stage))
    return line.append(", an unusual move", "yellow") if told.unusual else line


def _head(client_id: str, name: str) -> Text:
    return Text().append(words.who(client_id, name), "bold")
