"""Taking events in: admit, store, keep what was refused.

OK, or a verdict, means that it is committed. Whatever is refused is committed as well, as the bytes
that were sent, before the caller hears of it.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from prometheus_client import CollectorRegistry, Counter

from services.event_ingest.directory import Directory
from services.event_ingest.events import rules
from services.event_ingest.events.errors import EventConflict, InvalidEvent, UnknownEventType
from services.event_ingest.events.queries import select_hashes
from services.event_ingest.events.rules import (
    Arrival,
    NewEvent,
    Organisation,
    Outcome,
    Result,
    Verdict,
)
from services.event_ingest.group_commit import GroupCommit
from services.event_ingest.rejected.usecases import WRITER, choose_for_replay, drop, keep
from services.event_ingest.store import Stored
from shared import ids
from shared.database import Database, Tenant
from shared.errors import FootfallError, InvalidField, Overloaded, QuotaExhausted, QuotaViolation
from shared.identity.identity import Identity
from shared.rpc.acknowledging import Ending, acknowledged

_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Ingestion:
    """What taking events in stands on."""

    database: Database
    directory: Directory
    writer: GroupCommit
    counters: Mapping[Verdict, Counter]
    rejected_bytes_per_day: int
    """Of refused events, how much is kept per organisation."""

    async def keep(
        self, caller: Identity, refused: Sequence[tuple[Arrival, FootfallError]]
    ) -> None:
        """Commit refused events as they were sent."""
        await keep(self.database, caller, refused, bytes_per_day=self.rejected_bytes_per_day)


def verdict_counters(registry: CollectorRegistry) -> Mapping[Verdict, Counter]:
    """Received events by what became of them; their sum is all that was answered."""
    events = Counter("footfall_events", "Events, by verdict.", ("verdict",), registry=registry)
    return {verdict: events.labels(verdict.name.lower()) for verdict in Verdict}


async def ingest_event(ingestion: Ingestion, arrival: Arrival, caller: Identity) -> Result:
    """Store one event through the group commit. Raises what a refusal is."""
    organisation = await _organisation(ingestion, caller)
    try:
        admitted = await _admitted(ingestion, arrival, organisation)
    except InvalidEvent as error:
        await ingestion.keep(caller, [(arrival, error)])
        ingestion.counters[Verdict.REJECTED].inc()
        raise
    tenant = Tenant(caller.org_id, WRITER)
    await _check_quota(ingestion, organisation, tenant, [admitted])
    stored = await ingestion.writer.store(tenant, organisation.units, admitted)
    result = _result(ingestion, organisation, (arrival, admitted, stored))
    if result.error is not None:
        await ingestion.keep(caller, [(arrival, result.error)])
    ingestion.counters[result.verdict].inc()
    if result.error is not None:
        raise result.error
    return result


async def ingest_events(
    ingestion: Ingestion, arrivals: Sequence[Arrival], caller: Identity
) -> list[Result]:
    """Store a batch in one transaction; one result per event, in order.

    Raises InvalidField, nothing stored, when there are too many.
    """
    if len(arrivals) > rules.MAX_BATCH:
        raise InvalidField.of("events", f"at most {rules.MAX_BATCH} events, not {len(arrivals)}")
    results = await _take_in(ingestion, arrivals, caller)
    refused = [
        (arrival, result.error)
        for arrival, result in zip(arrivals, results, strict=True)
        if result.error is not None
    ]
    if refused:
        await ingestion.keep(caller, refused)
    for verdict, count in Tally(result.verdict for result in results).items():
        ingestion.counters[verdict].inc(count)
    return results


async def stream_events(
    ingestion: Ingestion,
    batches: AsyncIterator[tuple[int, Sequence[Arrival]]],
    caller: Identity,
    ending: Ending,
) -> AsyncIterator[tuple[int, list[Result]]]:
    """Store numbered batches as they come; their results, in order, each after its commit.

    Raises StreamLifeEnded when all that was read is answered and the stream is asked to end.
    """

    async def stored(batch: tuple[int, Sequence[Arrival]]) -> tuple[int, list[Result]]:
        number, arrivals = batch
        return number, await ingest_events(ingestion, arrivals, caller)

    async for answer in acknowledged(batches, stored, ending):
        yield answer


async def replay_rejected_events(
    ingestion: Ingestion,
    caller: Identity,
    sent: Callable[[Sequence[tuple[bytes, datetime, str | None]]], Sequence[Arrival]],
    *,
    rejection_ids: Sequence[UUID],
    reason: str,
) -> tuple[list[tuple[UUID, Result]], int]:
    """Try refused events again as they were sent; what is stored leaves the list of refused ones.

    `sent` decodes what was kept: bytes, time of receipt and user. Events are judged by what their
    sender might do, not by what the caller of the replay may.
    """
    rows, remaining = await choose_for_replay(
        ingestion.database, caller, rejection_ids=rejection_ids, reason=reason
    )
    arrivals = sent(
        [(bytes(row["raw"]), row["received_at"], row["user_id"] or None) for row in rows]
    )
    results = await _take_in(ingestion, arrivals, caller) if arrivals else []
    tried = [(row["rejection_id"], result) for row, result in zip(rows, results, strict=True)]
    stored = [rejection_id for rejection_id, result in tried if result.error is None]
    if stored:
        await drop(ingestion.database, caller, stored)
    return tried, remaining


async def _take_in(
    ingestion: Ingestion, arrivals: Sequence[Arrival], caller: Identity
) -> list[Result]:
    """Admit and store; refused events are in the results and kept nowhere yet."""
    organisation = await _organisation(ingestion, caller)
    results: dict[int, Result] = {}
    admitted: dict[int, NewEvent] = {}
    for index, arrival in enumerate(arrivals):
        try:
            admitted[index] = await _admitted(ingestion, arrival, organisation)
        except InvalidEvent as error:
            results[index] = Result(arrival.event_id, Verdict.REJECTED, error)
        if index % _AT_ONCE == _AT_ONCE - 1:
            await asyncio.sleep(0)  # large events take their time, and others want to be served
    if admitted:
        tenant = Tenant(caller.org_id, WRITER)
        events = list(admitted.values())
        await _check_quota(ingestion, organisation, tenant, events)
        outcomes = await ingestion.writer.store_batch(tenant, organisation.units, events)
        for (index, event), stored in zip(admitted.items(), outcomes, strict=True):
            results[index] = _result(ingestion, organisation, (arrivals[index], event, stored))
    return [results[index] for index in range(len(arrivals))]


async def _organisation(ingestion: Ingestion, caller: Identity) -> Organisation:
    directory = ingestion.directory
    return directory.cached(caller.org_id) or await directory.get(caller.org_id)


async def _check_quota(
    ingestion: Ingestion, organisation: Organisation, tenant: Tenant, events: Sequence[NewEvent]
) -> None:
    """Refuse what goes beyond the day's quota; what is stored already does not count."""
    if not organisation.exceeds_quota(len(events)):
        return
    stored = await select_hashes(ingestion.database, tenant, events)
    new = {event.event_id for event in events} - stored.keys()
    if not new or not organisation.exceeds_quota(len(new)):
        return
    raise QuotaExhausted(
        quota=[
            QuotaViolation(f"org:{tenant.org_id}", f"{organisation.events_per_day} events a day")
        ],
        retry_after=60.0,
        limit="org_events_per_day",
    )


async def _admitted(ingestion: Ingestion, arrival: Arrival, organisation: Organisation) -> NewEvent:
    try:
        return arrival.admit(organisation)
    except UnknownEventType:
        # It may have been registered a moment ago, elsewhere.
        return arrival.admit(await ingestion.directory.refreshed(organisation.org_id))


def _result(
    ingestion: Ingestion, organisation: Organisation, one: tuple[Arrival, NewEvent, Stored]
) -> Result:
    arrival, admitted, stored = one
    event_id = arrival.event_id or ids.text(admitted.event_id)
    if isinstance(stored, Outcome):
        if stored.verdict is not Verdict.CONFLICT:
            return Result(event_id, stored.verdict)
        return Result(event_id, Verdict.CONFLICT, _conflict(admitted, stored))
    if isinstance(stored, InvalidField):
        return Result(event_id, Verdict.REJECTED, stored)
    if isinstance(stored, Overloaded):  # it may count in other units now
        ingestion.directory.forget(organisation.org_id)
    raise stored


def _conflict(admitted: NewEvent, stored: Outcome) -> EventConflict:
    return EventConflict(
        sent_hash=f"{admitted.content_hash & 0xFFFF_FFFF_FFFF_FFFF:016x}",
        stored_hash=f"{stored.stored_hash & 0xFFFF_FFFF_FFFF_FFFF:016x}",
    )
