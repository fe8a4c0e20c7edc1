"""ListAuditEntries, and whose logs there are."""

from __future__ import annotations

from uuid import UUID

from services.pricing.audit import queries
from services.pricing.audit.rules import LEAST, MOST, Page, Where
from shared.database import Database, Tenant

_LOOKED_AT = 100_000
"""Entries that a page looks at, at most: filters have no index, which each act would pay for."""


async def list_audit_entries(
    database: Database, tenant: Tenant, where: Where, *, before: int | None, size: int
) -> Page:
    """A page, the latest first. With a filter it may be short, or empty, and have a next one."""
    org_id: UUID = tenant.org_id
    async with database.raw_transaction(tenant) as raw:
        last = await queries.select_newest(raw, org_id, MOST if before is None else before - 1)
        if last is None:
            return Page((), None)
        floor = max(last - _LOOKED_AT, LEAST)
        found = await queries.select_listed(
            raw, org_id, where, last=last, floor=floor, limit=size + 1
        )
        if len(found) > size:
            return Page(found[:size], found[size - 1].sequence)
        further = None if floor == LEAST else await queries.select_newest(raw, org_id, floor - 1)
    return Page(found, None if further is None else floor)


async def list_logs(across: Database) -> set[UUID]:
    """Whoever has a log; for a login that sees across organisations."""
    async with across.across_tenants() as raw:
        return set(await queries.select_organisations(raw))


async def has_organisation(database: Database, tenant: Tenant) -> bool:
    """Whether there is one, with a log or without."""
    async with database.raw_transaction(tenant) as raw:
        return await queries.select_organisation(raw, tenant.org_id)
