"""Folding the commit log into sessions, and into the counters by feature and client.

A fold reads the log from the organisation's cursor on, works its events into the sessions and
counters that they touch and moves the cursor, in one transaction that holds the cursor's row: each
event counts once, whoever dies, and however many workers there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.event_ingest.roll_ups.queries import upsert_counts
from services.event_ingest.sessions import queries
from services.event_ingest.sessions.rules import Key, Repair, Session, Span, Split
from shared.database import Database, RawConnection, Tenant

_WRITER = "ingest"
_LOG_ROWS = 500
_EVENTS = 2_000
"""Of one fold: enough to share its round trips, few enough that many organisations take turns."""


@dataclass(frozen=True, slots=True)
class Fold:
    """What one transaction did."""

    events: int
    logged_at: datetime
    """When the oldest of them was committed, roughly."""


class HeldElsewhere(Exception):
    """Another worker folds this organisation's log now."""


async def fold(database: Database, org_id: UUID) -> Fold | None:
    """Work the next piece of an organisation's log in; None when none is left.

    Raises HeldElsewhere when another worker has the log in hand.
    """
    async with database.raw_transaction(Tenant(org_id, _WRITER)) as raw:
        position = await queries.lock_cursor(raw, org_id)
        if position is None:
            raise HeldElsewhere
        batch = await queries.select_batch(raw, org_id, position, rows=_LOG_ROWS, events=_EVENTS)
        if batch is None:
            return None
        arrivals = await queries.select_events(raw, org_id, batch.event_ids)
        repairs = {key: Repair(key, events) for key, events in arrivals.items()}
        splits = await _settled(raw, org_id, repairs, batch.position)
        await _write(raw, org_id, repairs, splits)
        await upsert_counts(raw, org_id, batch.event_ids)
        await queries.update_cursor(raw, org_id, batch.position)
        return Fold(len(batch.event_ids), batch.logged_at)


async def _settled(
    raw: RawConnection, org_id: UUID, repairs: Mapping[Key, Repair], position: int
) -> dict[Key, Split]:
    """The sessions of every key, with all that had to be read to be sure."""
    splits: dict[Key, Split] = {}
    unsettled = list(repairs.values())
    spans = [span for repair in unsettled for span in repair.spans()]
    while unsettled:
        if spans:
            for key, session in await queries.select_sessions_near(raw, org_id, spans):
                repairs[key].know(session)
        splits |= {repair.key: repair.split() for repair in unsettled}
        unsettled = [repair for repair in unsettled if not splits[repair.key].final]
        await _take_apart(raw, org_id, splits, unsettled, position=position)
        spans = [
            span
            for repair in unsettled
            for session in (*splits[repair.key].apart, *splits[repair.key].onward)
            for span in repair.look_after(session)
        ]
    return splits


async def _take_apart(
    raw: RawConnection,
    org_id: UUID,
    splits: Mapping[Key, Split],
    unsettled: Sequence[Repair],
    *,
    position: int,
) -> None:
    """Read the events of the stored sessions that are cut somewhere inside."""
    repairs = {repair.key: repair for repair in unsettled}
    spans = []
    for key, repair in repairs.items():
        for session in splits[key].apart:
            repair.take_apart(session)
            spans.append(Span(key, session.started_us, session.last_us))
    if spans:
        found = await queries.select_events_of_spans(raw, org_id, spans, position=position)
        for key, events in found.items():
            repairs[key].tell(events)


async def _write(
    raw: RawConnection, org_id: UUID, repairs: Mapping[Key, Repair], splits: Mapping[Key, Split]
) -> None:
    gone: list[tuple[Key, int]] = []
    changed: list[tuple[Key, Session]] = []
    for key, split in splits.items():
        gone += [(key, started_us) for started_us in repairs[key].gone(split.sessions)]
        changed += [(key, session) for session in split.sessions if not session.stored]
    if gone:
        await queries.delete_sessions(raw, org_id, gone)
    if changed:
        await queries.upsert_sessions(raw, org_id, changed)
