"""What the read-only login sees of one organisation: roll-ups for pictures, and counts.

The login reads and cannot write; row-level security holds it to the organisation that each
transaction names, as it holds the services. `footfall up` prints its URL.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Column, Date, Executable, Integer, cast, distinct, func, select

from shared.database import Database, Tenant
from shared.schema.events import event_hourly, events, sessions, user_day

_ROLE = "owner"


@dataclass(frozen=True, slots=True)
class UserActivity:
    """How much a user did, and on how many days."""

    user_id: str
    events: int
    days: int


@dataclass(frozen=True, slots=True)
class Visits:
    """Sessions, the events in them, and the users who had them."""

    sessions: int
    events: int
    users: int


class ReadOnly:
    """The read-only login of an installation."""

    def __init__(self, database: Database, reader: str) -> None:
        self._database = database
        self._reader = reader

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str, reader: str) -> AsyncIterator[Self]:
        """Connect, and close at the end; `reader` is who asks."""
        database = Database(url, application_name=f"footfall-bi-{reader}", size=2)
        await database.open()
        try:
            yield cls(database, reader)
        finally:
            await database.close()

    async def stored(self, org_id: UUID) -> int:
        """How many events are stored, counted one by one."""
        rows = await self._rows(org_id, select(func.count()).select_from(events))
        return int(rows[0][0])

    async def days(self, org_id: UUID, zone: str, type_id: int | None = None) -> dict[date, int]:
        """Events per day of the time zone, all or those of one type."""
        day = cast(func.timezone(zone, event_hourly.c.hour), Date)
        query = select(day, func.sum(event_hourly.c.events)).group_by(day)
        if type_id is not None:
            query = query.where(event_hourly.c.type_id == type_id)
        return {row[0]: int(row[1]) for row in await self._rows(org_id, query)}

    async def hours(self, org_id: UUID, zone: str) -> dict[int, int]:
        """Events per hour of the day in the time zone."""
        local = func.timezone(zone, event_hourly.c.hour)
        hour = cast(func.extract("hour", local), Integer)
        query = select(hour, func.sum(event_hourly.c.events)).group_by(hour)
        return {row[0]: int(row[1]) for row in await self._rows(org_id, query)}

    async def busiest_users(self, org_id: UUID, limit: int) -> list[UserActivity]:
        """The users with most events."""
        total = func.sum(user_day.c.events)
        query = (
            select(user_day.c.user_id, total, func.count())
            .group_by(user_day.c.user_id)
            .order_by(total.desc(), user_day.c.user_id)
            .limit(limit)
        )
        return [
            UserActivity(user, int(n), days) for user, n, days in await self._rows(org_id, query)
        ]

    async def of_users(self, org_id: UUID) -> int:
        """How many events say whose they are."""
        return await self._sum(org_id, user_day.c.events)

    async def in_sessions(self, org_id: UUID) -> int:
        """How many events are in sessions by now; these follow their events."""
        return await self._sum(org_id, sessions.c.event_count)

    async def visits(self, org_id: UUID) -> Visits:
        """All sessions together."""
        counted = func.coalesce(func.sum(sessions.c.event_count), 0)
        query = select(func.count(), counted, func.count(distinct(sessions.c.user_id)))
        (row,) = await self._rows(org_id, query.select_from(sessions))
        return Visits(row[0], int(row[1]), row[2])

    async def _sum(self, org_id: UUID, column: Column[Any]) -> int:
        rows = await self._rows(org_id, select(func.coalesce(func.sum(column), 0)))
        return int(rows[0][0])

    async def _rows(self, org_id: UUID, query: Executable) -> list[Any]:
        tenant = Tenant(org_id, _ROLE, self._reader)
        async with self._database.tenant_transaction(tenant) as transaction:
            return list((await transaction.connection.execute(query)).all())
