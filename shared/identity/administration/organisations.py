"""Creating, changing, listing and deleting organisations."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

import psycopg
from sqlalchemy import Table, delete, exists, insert, select, tuple_, update

from shared.database import RawConnection
from shared.identity.administration.desk import Act, ActRefused, Desk
from shared.identity.credentials import KEPT_SECONDS
from shared.identity.queries import select_organisations
from shared.schema.events import event_hourly, events
from shared.schema.held_settings import TAKE_SETTINGS
from shared.schema.metadata import metadata
from shared.schema.organisations import api_keys, members, organisations, revoked_tokens

Recount = Callable[[RawConnection, UUID, tuple[str, str], datetime], Awaitable[int]]
"""Counts the events of an organisation anew: from its zone of now into another, as of a time."""

_CREDENTIALS = (api_keys, members, revoked_tokens)
_KEPT = {"organisations", "audit_entries", "audit_heads"}  # the log tells of the deletion
_BATCH_ROWS = 5_000
CREDENTIALS = "credentials"
"""What `remove` calls the tables that it empties first."""

_PATIENCE = (
    "SELECT set_config('lock_timeout', '60s', true), set_config('statement_timeout', '0', true)"
)
_MARGIN_SECONDS = 2.0  # for a call that was let in at the last moment


@dataclass(frozen=True, slots=True)
class OrganisationSettings:
    """What an operator decides about an organisation; None means no limit, and for ever."""

    name: str
    time_zone: str = "UTC"
    currency: str = "USD"
    retention_days: int | None = 365
    keep_ip: bool = False
    calls_per_second: int | None = None
    events_per_day: int | None = None


class _Units(NamedTuple):
    time_zone: str
    currency: str


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation as it stands."""

    org_id: UUID
    created_at: datetime
    settings: OrganisationSettings


async def create(desk: Desk, settings: OrganisationSettings) -> UUID:
    """A new organisation; names need not be unique, ids are."""
    org_id, values = uuid4(), dataclasses.asdict(settings)
    async with desk.opening(org_id) as act:
        await act.transaction.connection.execute(
            insert(organisations).values(org_id=org_id, created_at=desk.clock.now(), **values)
        )
        await act.record("organisation.create", str(org_id), **values)
    return org_id


async def change(desk: Desk, org_id: UUID, changes: Mapping[str, object], recount: Recount) -> None:
    """Change settings, by the names that `OrganisationSettings` has for them.

    Another time zone counts all events anew, and nobody stores one of the organisation meanwhile.
    Another currency is refused when there are costs.
    """
    async with desk.acting(org_id) as act:
        if changes.keys() & {"time_zone", "currency"}:
            before = await _take_units(act)
            zone = str(changes.get("time_zone", before.time_zone))
            if changes.get("currency", before.currency) != before.currency:
                await _require_no_costs(act, before.currency)
            if zone != before.time_zone:
                raw = act.transaction.raw
                await recount(raw, org_id, (before.time_zone, zone), desk.clock.now())
        await act.transaction.connection.execute(
            update(organisations).where(organisations.c.org_id == org_id).values(**changes)
        )
        await act.record("organisation.update", str(org_id), **changes)


async def rebuild(desk: Desk, org_id: UUID, recount: Recount) -> int:
    """Count the organisation's events anew; says how many there are."""
    async with desk.acting(org_id) as act:
        zone = (await _take_units(act)).time_zone
        counted = await recount(act.transaction.raw, org_id, (zone, zone), desk.clock.now())
        await act.record("organisation.rebuild", str(org_id), events=counted)
    return counted


async def all_of_them(desk: Desk) -> Sequence[Organisation]:
    """Every organisation, the oldest first."""
    async with desk.database.across_tenants() as connection:
        rows = await select_organisations(connection)
    return [
        Organisation(row.pop("org_id"), row.pop("created_at"), OrganisationSettings(**row))
        for row in rows
    ]


async def remove(
    desk: Desk, org_id: UUID, pause: Callable[[float], Awaitable[object]] = asyncio.sleep
) -> AsyncIterator[tuple[str, int]]:
    """Delete an organisation with all that is kept of it; yields tables and rows deleted so far.

    Credentials go first, then we wait until no service remembers one: an event that came in
    behind our back would stay for ever. What was deleted stands in its audit log, which stays.
    Ended half-way, it can be called again.
    """
    deleted: dict[str, int] = {}
    async with desk.acting(org_id) as act:
        for table in _CREDENTIALS:
            rows = await act.transaction.connection.execute(
                delete(table).where(table.c.org_id == org_id)
            )
            deleted[str(table.name)] = rows.rowcount
        await act.record("organisation.close", str(org_id), **deleted)
    if deleted[members.name]:
        yield CREDENTIALS, sum(deleted.values())
        await pause(KEPT_SECONDS + _MARGIN_SECONDS)
    for table in _tables_of_data():
        async for rows_deleted in _empty(desk, org_id, table):
            name = str(table.name)  # SQLAlchemy's is more than a text
            deleted[name] = deleted.get(name, 0) + rows_deleted
            yield name, deleted[name]
    async with desk.acting(org_id) as act:
        await act.transaction.connection.execute(
            delete(organisations).where(organisations.c.org_id == org_id)
        )
        await act.record("organisation.delete", str(org_id), **deleted)


async def _empty(desk: Desk, org_id: UUID, table: Table) -> AsyncIterator[int]:
    """Delete the organisation's rows in batches, lest a large one holds locks for minutes."""
    key = tuple_(*table.primary_key.columns)
    some = select(*table.primary_key.columns).where(table.c.org_id == org_id).limit(_BATCH_ROWS)
    statement = delete(table).where(table.c.org_id == org_id, key.in_(some))
    rows = _BATCH_ROWS
    while rows == _BATCH_ROWS:
        async with desk.acting(org_id) as act:
            rows = (await act.transaction.connection.execute(statement)).rowcount
        yield rows


async def _take_units(act: Act) -> _Units:
    """Time zone and currency, which no writer counts in until the act is over."""
    raw, o = act.transaction.raw, organisations.c
    await raw.execute(_PATIENCE)
    try:
        await raw.execute(TAKE_SETTINGS, (act.org_id,))
    except psycopg.errors.LockNotAvailable as error:
        raise ActRefused(f"Writers of {act.org_id} are busy for too long; try again.") from error
    units = select(o.time_zone, o.currency).where(o.org_id == act.org_id)
    row = (await act.transaction.connection.execute(units)).one()
    return _Units(row.time_zone, row.currency)


async def _require_no_costs(act: Act, currency: str) -> None:
    e, h = events.c, event_hourly.c
    some = select(
        exists().where(h.org_id == act.org_id, h.cost_nanos != 0)
        | exists().where(e.org_id == act.org_id, e.cost_nanos != 0)
    )
    if await act.transaction.connection.scalar(some):
        raise ActRefused(
            f"The currency of {act.org_id} cannot change any more: it has events with costs, which "
            f"are summed in {currency}. An organisation without costs may change it."
        )


def _tables_of_data() -> list[Table]:
    """Those that refer to others before them."""
    others = _KEPT | {table.name for table in _CREDENTIALS}
    last_first = reversed(metadata.sorted_tables)
    return [t for t in last_first if "org_id" in t.c and t.name not in others]
