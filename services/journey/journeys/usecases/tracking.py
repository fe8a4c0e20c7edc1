"""Storing events, each exactly once, and deriving at once what follows from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from services.journey.catalogue.usecases import read_settings
from services.journey.journeys import queries
from services.journey.journeys.rules.events import (
    Arrival,
    NewEvent,
    Result,
    Tracked,
    firsts,
    judge,
)
from services.journey.journeys.rules.facts import Facts
from services.journey.journeys.rules.journey import Standpoint
from services.journey.journeys.rules.progress import Kept, Progress, anew, onwards, portions
from services.journey.journeys.rules.settings import JourneySettings
from services.journey.journeys.rules.vocabulary import Happening, Micros, Source
from services.journey.journeys.usecases.reading import read_standpoint
from services.journey.journeys.usecases.restating import catch_up, settle
from shared.database import Database, RawConnection
from shared.errors import Overloaded
from shared.identity.identity import Identity
from shared.lengthy import worked_out

_ATTEMPTS = 10
"""More than that many deletions of the same events in a row nobody waits for."""

_EVENTS_AT_ONCE = 5_000
"""So many are derived from in one go; others get their turn in between."""


async def track_journey_event(
    database: Database, caller: Identity, arrival: Arrival, now: Micros
) -> Tracked:
    """Store an event. Raises InvalidEvent, ClientNotFound, EventConflict."""
    if arrival.event is None:
        assert arrival.error is not None, "an event that is not stored is refused for a reason"
        raise arrival.error
    client_id, happening, org_id = arrival.event.client_id, arrival.event.happening, caller.org_id
    async with (
        database.in_line(org_id, [client_id]),
        database.raw_transaction(caller.tenant) as raw,
    ):
        (result,), after = await _track(raw, org_id, [arrival], now)
        if result.error is not None:
            raise result.error
        here = after.get(client_id) or await read_standpoint(raw, org_id, client_id, now)
        unusual = await queries.select_unusual(raw, org_id, client_id, happening)
    return Tracked(result.event_id, result.verdict, here.standing.stage, unusual)


async def track_journey_events(
    database: Database, caller: Identity, arrivals: Sequence[Arrival], now: Micros
) -> Sequence[Result]:
    """Store events in one transaction, each judged by itself; the verdicts in their order."""
    named = [one.event.client_id for one in arrivals if one.event is not None]
    async with (
        database.in_line(caller.org_id, named),
        database.raw_transaction(caller.tenant) as raw,
    ):
        results, _ = await _track(raw, caller.org_id, arrivals, now)
    return results


async def store_ingested(
    raw: RawConnection,
    org_id: UUID,
    happenings: Iterable[tuple[str, Happening]],
    now: Micros,
    settings: JourneySettings,
) -> int:
    """Store ingested events by client, in a transaction of the organisation; how many were new.

    Those of clients that there are not are passed over, as are ids that are stored.
    """
    events = {
        one.event_id: NewEvent(client_id, one, now, Source.INGESTED, b"")
        for client_id, one in happenings
    }
    known = await queries.lock_states(raw, org_id, (one.client_id for one in events.values()))
    fit = {event_id: one for event_id, one in events.items() if one.client_id in known}
    if not fit:
        return 0
    new = await queries.insert_events(raw, org_id, fit)
    await _derive(raw, org_id, new.values(), now, settings)
    return len(new)


async def _track(
    raw: RawConnection, org_id: UUID, arrivals: Sequence[Arrival], now: Micros
) -> tuple[list[Result], dict[str, Standpoint]]:
    """The verdicts, and where the clients stand that got new events."""
    named = {one.event.client_id for one in arrivals if one.event is not None}
    known = await queries.lock_states(raw, org_id, named) if named else set()
    new, stored = await _store(raw, org_id, firsts(arrivals, known))
    results = [judge(arrival, known, new, stored) for arrival in arrivals]
    if not new:
        return results, {}
    settings = await read_settings(raw, org_id)
    return results, await _derive(raw, org_id, new.values(), now, settings)


async def _store(
    raw: RawConnection, org_id: UUID, fit: Mapping[UUID, NewEvent]
) -> tuple[dict[UUID, NewEvent], dict[UUID, bytes]]:
    """Those whose ids were new, and what the others are stored with.

    Another event of the same id may go, with its client, between the two looks: then again.
    """
    new: dict[UUID, NewEvent] = {}
    stored: dict[UUID, bytes] = {}
    for _ in range(_ATTEMPTS):
        left = {one: fit[one] for one in fit.keys() - new.keys() - stored.keys()}
        if not left:
            return new, stored
        new |= await queries.insert_events(raw, org_id, left)
        old = left.keys() - new.keys()
        stored |= await queries.select_hashes(raw, org_id, old) if old else {}
    if new.keys() | stored.keys() != fit.keys():
        raise Overloaded
    return new, stored


async def _derive(
    raw: RawConnection,
    org_id: UUID,
    events: Iterable[NewEvent],
    now: Micros,
    settings: JourneySettings,
) -> dict[str, Standpoint]:
    by_client: defaultdict[str, list[Happening]] = defaultdict(list)
    for event in events:
        by_client[event.client_id].append(event.happening)
    if not by_client:
        return {}
    kept = await queries.select_kept(raw, org_id, by_client, now)
    progress = await _progress(raw, org_id, kept, by_client, now)
    return await settle(raw, org_id, kept, progress=progress, now=now, settings=settings)


async def _progress(
    raw: RawConnection,
    org_id: UUID,
    kept: Mapping[str, Kept],
    new: Mapping[str, Sequence[Happening]],
    now: Micros,
) -> dict[str, Progress]:
    """What the events that were stored just now make of the clients.

    Those that come after all others go on from what is kept. One that comes late takes all events,
    and where others were waiting whose time has come, all of those are taken.
    """
    late = {
        client_id: one
        for client_id, one in kept.items()
        if any(one.late(event, now) for event in new[client_id])
    }
    due = {one: kept[one] for one in kept.keys() - late.keys() if kept[one].due(now)}
    progress = {
        one: onwards(kept[one].standing, new[one], kept[one].now(now), kept[one].pending_at)
        for one in kept.keys() - late.keys() - due.keys()
    }
    progress |= await catch_up(raw, org_id, due, now)
    sizes = {client_id: one.standing.facts.events for client_id, one in late.items()}
    for portion in portions(sizes, _EVENTS_AT_ONCE):
        read = await queries.select_events_after(
            raw, org_id, dict.fromkeys(portion, Facts().last_key)
        )
        for one in portion:
            events, until = read[one], kept[one].now(now)
            progress[one] = await worked_out(len(events), anew, events, until)
    return progress
