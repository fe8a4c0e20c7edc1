# house: both the writer and batches store through it
"""Storing admitted events: in one round trip, or split when the data of a neighbour fails.

Batches come here through the lane of their organisation (`lanes.py`), single events through the
group commit (`group_commit.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from operator import attrgetter

import psycopg

from services.event_ingest.events import queries, rules
from services.event_ingest.events.errors import StorageBehind
from services.event_ingest.events.rules import NewEvent, Outcome
from shared.database import Database, Row, Statement, Tenant
from shared.errors import DatabaseAway, FootfallError, Overloaded
from shared.sqlstate import RETRYABLE, domain_error

_TRIES = 3
_IN_VAIN = RETRYABLE | {"55P03", "57014"}  # lock_not_available, query_canceled
_LOG = logging.getLogger("footfall.store")
_PLACE = attrgetter("place_us", "event_id")

Stored = Outcome | FootfallError
"""What became of an event, or why it could not be stored."""


@dataclass(frozen=True, slots=True)
class Group:
    """Admitted events of one organisation, to be stored by one statement."""

    tenant: Tenant
    units: rules.Units
    events: Sequence[NewEvent]


async def store(
    database: Database, groups: Sequence[Group], *, hurried: bool = False
) -> list[list[Stored]]:
    """Store groups in one transaction; one outcome per event, in order.

    When Postgres refuses the data of one event, the others are stored without it. Raises what a
    database that is away raises: then nothing is known to be stored, and a retry is safe. Who is
    `hurried` gives up on locks that others hold for long.
    """
    firsts = [_firsts(group.events) for group in groups]
    try:
        rows = await _insert(database, groups, firsts, hurried=hurried)
    except (psycopg.DataError, psycopg.IntegrityError) as fault:
        if not _is_of_an_event(fault):
            said = {"sqlstate": fault.sqlstate, "postgres": fault.diag.message_primary}
            _LOG.error("events cannot be stored", extra=said)
            raise StorageBehind from fault
        return await _apart(database, groups, fault)
    return [
        await _judged(database, group, first, row)
        for group, first, row in zip(groups, firsts, rows, strict=True)
    ]


async def store_batches(
    database: Database, batches: Sequence[Group]
) -> list[list[Stored] | BaseException]:
    """Store batches of one organisation in one transaction; per batch its outcomes, or its error.

    What one batch brings may make all fail, by its data or by a lock that it waits for: then each
    is stored in a transaction of its own, one after the other, for connections are few; and having
    waited for a lock already, none waits for long. Where two bring the same id the first has stored
    it.
    """
    first = batches[0]
    if len(batches) == 1:
        return [*await store(database, batches)]
    together = Group(first.tenant, first.units, [one for batch in batches for one in batch.events])
    firsts = _firsts(together.events)
    try:
        (row,) = await _insert(database, [together], [firsts])
    except psycopg.Error as fault:
        if _is_of_all(fault):
            raise
        hurried = waited_in_vain(fault)
        return [await _alone(database, batch, hurried=hurried) for batch in batches]
    outcomes = iter(await _judged(database, together, firsts, row))
    return [list(islice(outcomes, len(batch.events))) for batch in batches]


async def _alone(
    database: Database, batch: Group, *, hurried: bool
) -> list[Stored] | BaseException:
    try:
        return (await store(database, [batch], hurried=hurried))[0]
    except Exception as error:
        if _is_of_all(error):
            raise
        return error  # the others go on


def _is_of_all(error: Exception) -> bool:
    """Whether every batch would fail like this one: the database is away, or has no room."""
    if isinstance(error, psycopg.Error) and error.sqlstate is None:
        return True
    return isinstance(domain_error(error), DatabaseAway | Overloaded)


def waited_in_vain(error: Exception) -> bool:
    """Whether a lock or a slow statement ended a transaction, be it one organisation's alone."""
    return isinstance(error, psycopg.Error) and error.sqlstate in _IN_VAIN


async def _insert(
    database: Database,
    groups: Sequence[Group],
    firsts: Sequence[dict[bytes, NewEvent]],
    *,
    hurried: bool = False,
) -> list[Row | None]:
    statements = [
        # Sorted: two writers that bring the same ids meet them in the same order.
        queries.insert_events(group.tenant, group.units, sorted(first.values(), key=_PLACE))
        for group, first in zip(groups, firsts, strict=True)
    ]
    if hurried:
        statements[0] = replace(statements[0], hurried=True)
    return await _retrying(database, statements)


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


async def _apart(
    database: Database, groups: Sequence[Group], fault: psycopg.Error
) -> list[list[Stored]]:
    """The same events in smaller parts, so that nobody fails for a neighbour."""
    if len(groups) > 1:
        return [(await store(database, [group]))[0] for group in groups]
    group = groups[0]
    if len(group.events) == 1:
        out_of_range = isinstance(fault, psycopg.errors.NumericValueOutOfRange)
        return [[rules.unstorable(group.events[0], out_of_range=out_of_range)]]
    middle = len(group.events) // 2
    outcomes: list[Stored] = []
    for part in (group.events[:middle], group.events[middle:]):
        outcomes += (await store(database, [Group(group.tenant, group.units, part)]))[0]
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
