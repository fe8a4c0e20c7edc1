"""What goes wrong with events, and what becomes of each: one of every kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from footfall.events.v1.event_ingest_pb2 import (
    ListRejectedEventsRequest,
    RejectedEvent,
    Verdict,
)
from footfall.events.v1.event_ingest_pb2_grpc import EventIngestServiceStub
from footfall.events.v1.event_pb2 import Event
from services.cli.demo.cast import Organisation
from services.cli.demo.flights import FLOWN, Departure
from services.cli.demo.replay import send
from services.cli.tally import VERDICT_STYLES, Tally


@dataclass(frozen=True, slots=True)
class Incident:
    """An event that was sent, and the answer."""

    what: str
    verdict: str
    reason: str
    message: str


async def provoke(
    cast: Mapping[str, Organisation], known: Departure, tally: Tally
) -> list[Incident]:
    """A duplicate, a conflict, and the mending of what was refused; counted in the tally."""
    code, event = known
    other = Event.FromString(event.SerializeToString())
    other.feature = "JFK-MARS"
    return [
        await _sent("a flight again, unchanged", cast[code], event, tally),
        await _sent("the same event_id with another route", cast[code], other, tally),
        *await _mended(cast, tally),
    ]


def table(incidents: list[Incident]) -> RenderableType:
    """What was sent and what was answered."""
    rows = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("sent", "verdict", "what the service says"):
        rows.add_column(title, overflow="fold")
    for one in incidents:
        style = VERDICT_STYLES.get(one.verdict, "dim")
        words = (
            f"{one.reason}: {one.message}"
            if one.reason
            else "stored"
            if one.verdict == ("accepted")
            else "already stored, nothing changed"
        )
        rows.add_row(one.what, f"[{style}]{one.verdict}[/]", escape(words))
    return rows


def as_json(incidents: list[Incident]) -> list[dict[str, Any]]:
    return [asdict(one) for one in incidents]


async def _mended(cast: Mapping[str, Organisation], tally: Tally) -> list[Incident]:
    """What the replay could not store: found in the list, put right, sent under its own id."""
    found = []
    for organisation in cast.values():
        for rejected in await _refused(organisation, "UNKNOWN_EVENT_TYPE"):
            event = Event.FromString(rejected.raw)
            what = f"row 1 of the replay, its type misspelt as {event.type}"
            found.append(Incident(what, "rejected", rejected.reason, rejected.message))
            event.type = FLOWN
            words = "the same, mended from the kept bytes"
            found.append(await _sent(words, organisation, event, tally))
    return found


async def _sent(what: str, organisation: Organisation, event: Event, tally: Tally) -> Incident:
    batch = await send(organisation, event)
    tally.add(batch)
    result = batch.results[0]
    verdict = Verdict.Name(result.verdict).removeprefix("VERDICT_").lower()
    return Incident(what, verdict, result.reason, result.message)


async def _refused(organisation: Organisation, reason: str) -> list[RejectedEvent]:
    caller = organisation.caller
    async with caller.channel() as channel:
        stub = EventIngestServiceStub(channel)
        request = ListRejectedEventsRequest(reason=reason)
        answer = await stub.ListRejectedEvents(request, metadata=caller.metadata)
    return list(answer.rejected_events)
