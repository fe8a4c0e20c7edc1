# house: both the writer and batches store through it
"""Storing admitted events: in one round trip, or split when the data of a neighbour fails.

Batches come here directly, single events through the group commit (`group_commit.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

import psycopg

from services.event_ingest.events import queries, rules
from services.event_ingest.events.errors import InvalidProperties, StorageBehind
from services.event_ingest.events.rules import NewEvent, Outcome
from shared.database import Database, Row, Statement, Tenant
from shared.errors import FootfallError, Overloaded
from shared.sqlstate import RETRYABLE

_TRIES = 3
_LOG = logging.getLogger("footfall.store")
_PLACE = attrgetter("place_us", "event_id")

Stored = Outcome | FootfallError
"""What became of an event, or why it could not be stored."""


@dataclass(frozen=True, slots=True)
class Group:
    """Admitted events of one organisation, to be stored by one statement."""

    tenant: Tenant
    zone: str
    events: Sequence[NewEvent]


async def store(database: Database, groups: Sequence[Group]) -> list[list[Stored]]:
    """Store groups in one transaction; one outcome per event, in order.

    When Postgres refuses the data of one event, the others are stored without it. Raises what a
    database that is away raises: then nothing is known to be stored, and a retry is safe.
    """
    firsts = [_firsts(group.events) for group in groups]
    statements = [
        # Sorted: two writers that bring the same ids meet them in the same order.
        queries.insert_events(group.tenant, group.zone, sorted(first.values(), key=_PLACE))
        for group, first in zip(groups, firsts, strict=True)
    ]
    try:
        rows = await _retrying(database, statements)
    except (psycopg.DataError, psycopg.IntegrityError) as fault:
        if not _is_of_an_event(fault):
            said = {"sqlstate": fault.sqlstate, "postgres": fault.diag.message_primary}
            _LOG.error("events cannot be stored", extra=said)
            raise StorageBehind from fault
        return await _apart(database, groups)
    return [
        await _judged(database, group, first, row)
        for group, first, row in zip(groups, firsts, rows, strict=True)
    ]


def _is_of_an_event(fault: psycopg.Error) -> bool:
    """Whether data of one event caused it; a partition or a column that is missing is our affair.

    Postgres calls a missing partition a violated check, and names no constraint.
    """
    if isinstance(fault, psycopg.errors.CheckViolation):
        return fault.diag.constraint_name is not None
    return isinstance(fault, psycopg.DataError)


def _firsts(events: Sequence[NewEvent]) -> dict[bytes, NewEvent]:
    """The first event of each id; one statement must not hold an id twice."""
    firsts: dict[bytes, NewEvent] = {}
    for event in events:
        firsts.setdefault(event.event_id, event)
    return firsts


async def _retrying(database: Database, statements: Sequence[Statement]) -> list[Row | None]:
    for attempt in range(1, _TRIES):
        try:
            return await database.in_one_round_trip(statements)
        except psycopg.OperationalError as error:
            if error.sqlstate not in RETRYABLE:
                raise
            await asyncio.sleep(0.01 * attempt)
    return await database.in_one_round_trip(statements)


async def _apart(database: Database, groups: Sequence[Group]) -> list[list[Stored]]:
    """The same events in smaller parts, so that nobody fails for a neighbour."""
    if len(groups) > 1:
        return [(await store(database, [group]))[0] for group in groups]
    group = groups[0]
    if len(group.events) == 1:
        problem = "cannot be kept by Postgres; check numbers and characters"
        return [[rules.refuse(InvalidProperties, "properties", problem)]]
    middle = len(group.events) // 2
    outcomes: list[Stored] = []
    for part in (group.events[:middle], group.events[middle:]):
        outcomes += (await store(database, [Group(group.tenant, group.zone, part)]))[0]
    return [outcomes]


async def _judged(
    database: Database, group: Group, firsts: dict[bytes, NewEvent], row: Row | None
) -> list[Stored]:
    assert row is not None
    if row[0] == len(group.events):  # the common case: all are new, no id came twice
        return [Outcome(rules.Verdict.ACCEPTED, event.content_hash) for event in group.events]
    new = _new_ids(row, firsts)
    missing = [event for key, event in firsts.items() if key not in new]
    hashes = await queries.select_hashes(database, group.tenant, missing) if missing else {}
    outcomes: list[Stored] = []
    for event in group.events:
        first = firsts[event.event_id]
        is_new = event.event_id in new
        stored = first.content_hash if is_new else hashes.get(event.event_id)
        outcomes.append(
            # It expired between the two looks: a retry stores it.
            Overloaded()
            if stored is None
            else rules.judge(event, first, new=is_new, stored_hash=stored)
        )
    return outcomes


def _new_ids(row: Row, firsts: dict[bytes, NewEvent]) -> set[bytes]:
    if row[0] == len(firsts):
        return set(firsts)
    packed = row[1] or b""
    return {packed[start : start + 16] for start in range(0, len(packed), 16)}
