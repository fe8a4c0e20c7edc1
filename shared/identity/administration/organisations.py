"""Creating, changing, listing and deleting organisations."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Table, delete, insert, select, tuple_, update

from shared.identity.administration.desk import Act, ActRefused, Desk
from shared.identity.credentials import KEPT_SECONDS
from shared.identity.queries import select_organisations
from shared.schema.events import events
from shared.schema.metadata import metadata
from shared.schema.organisations import api_keys, members, organisations, revoked_tokens

_FIXED_BY_EVENTS = {"time_zone", "currency"}
_CREDENTIALS = (api_keys, members, revoked_tokens)
_KEPT = {"organisations", "audit_entries", "audit_heads"}  # the log tells of the deletion
_BATCH_ROWS = 5_000
CREDENTIALS = "credentials"
"""What `remove` calls the tables that it empties first."""

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


async def change(desk: Desk, org_id: UUID, changes: Mapping[str, object]) -> None:
    """Change settings, by the names that `OrganisationSettings` has for them."""
    async with desk.acting(org_id) as act:
        if fixed := _FIXED_BY_EVENTS & changes.keys():
            await _require_no_events(act, sorted(fixed))
        await act.transaction.connection.execute(
            update(organisations).where(organisations.c.org_id == org_id).values(**changes)
        )
        await act.record("organisation.update", str(org_id), **changes)


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


async def _require_no_events(act: Act, settings: Sequence[str]) -> None:
    some = select(events.c.event_id).where(events.c.org_id == act.org_id).limit(1)
    if await act.transaction.connection.scalar(some) is not None:
        raise ActRefused(
            f"The {' and '.join(settings).replace('_', ' ')} of {act.org_id} cannot change any "
            "more: its days and costs are counted in it since its first event."
        )


def _tables_of_data() -> list[Table]:
    credentials = {table.name for table in _CREDENTIALS}
    return [t for t in metadata.sorted_tables if t.name not in _KEPT | credentials]
