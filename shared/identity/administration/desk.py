"""Where an operator acts: on one organisation, in one transaction, on record."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from shared.clock import Clock
from shared.database import Database, Tenant, Transaction
from shared.identity.identity import Role
from shared.refusal import StartRefused
from shared.schema import audit
from shared.schema.organisations import organisations

_NOT_THERE = {"3F000", "42P01", "42703", "42883"}  # schema, table, column, function


class ActRefused(StartRefused):
    """What the operator wants cannot be done; the message says why, and what can."""


@dataclass(frozen=True, slots=True)
class Act:
    """One act on one organisation; it stands or falls with its transaction."""

    org_id: UUID
    transaction: Transaction
    operator: str

    async def record(self, action: str, target: str, **details: object) -> None:
        """Put the act on record."""
        await audit.append(
            self.transaction.raw,
            self.org_id,
            actor=self.operator,
            actor_role="operator",
            action=action,
            target=target,
            details=details,
        )


@dataclass(frozen=True, slots=True)
class Desk:
    """The database as its owner, the time, and who sits there."""

    database: Database
    clock: Clock
    operator: str

    @asynccontextmanager
    async def opening(self, org_id: UUID) -> AsyncIterator[Act]:
        """Act on an organisation, whether it exists or not."""
        tenant = Tenant(org_id, Role.OWNER.value, self.operator)
        async with self.database.tenant_transaction(tenant) as transaction:
            yield Act(org_id, transaction, self.operator)

    @asynccontextmanager
    async def acting(self, org_id: UUID) -> AsyncIterator[Act]:
        """Act on an organisation that exists, and goes on to exist meanwhile."""
        async with self.opening(org_id) as act:
            found = await act.transaction.connection.scalar(
                select(organisations.c.org_id)
                .where(organisations.c.org_id == org_id)
                .with_for_update(key_share=True)
            )
            if found is None:
                raise ActRefused(f"There is no organisation {org_id}; see `footfall org list`.")
            yield act


@asynccontextmanager
async def open_desk(owner_url: str, clock: Clock, operator: str) -> AsyncIterator[Desk]:
    """A desk at the database of that URL; what is wrong with it is told in words."""
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # each attempt would be a warning
    database = Database(owner_url, application_name="footfall", size=1)
    try:
        await database.open()
        await database.ping()
        yield Desk(database, clock, operator)
    except (psycopg.Error, DBAPIError) as error:
        if (refusal := _refusal(error, owner_url)) is None:
            raise
        raise refusal from error
    finally:
        await database.close()


def _refusal(error: Exception, url: str) -> ActRefused | None:
    """What the operator can do about it; None when that is nothing."""
    cause, place = error.orig if isinstance(error, DBAPIError) else error, urlsplit(url)
    if isinstance(cause, psycopg.Error) and cause.sqlstate in _NOT_THERE:
        return ActRefused("The database has not the schema of this version: `footfall migrate`.")
    if isinstance(cause, psycopg.OperationalError):
        return ActRefused(
            f"Postgres at {place.hostname}:{place.port} does not let {place.username} in, or is "
            "away; see `footfall status`."
        )
    return None
