"""ListAuditEntries, and whose logs there are."""

from __future__ import annotations

from uuid import UUID

from services.pricing.audit import queries
from services.pricing.audit.rules import Page, Where
from shared.database import Database, Tenant

_LOOKED_AT = 100_000
"""Entries that a page looks at, at most: filters have no index, which each act would pay for."""


async def list_audit_entries(
    database: Database, tenant: Tenant, where: Where, *, before: int | None, size: int
) -> Page:
    """A page, the latest first. With a filter it may be short, or empty, and have a next one."""
    org_id: UUID = tenant.org_id
    async with database.raw_transaction(tenant) as raw:
        if before is None:
            before = await queries.select_newest(raw, org_id) + 1
        floor = before - _LOOKED_AT
        found = await queries.select_listed(
            raw, org_id, where, before=before, floor=floor, limit=size + 1
        )
    if len(found) > size:
        return Page(found[:size], found[size - 1].sequence)
    return Page(found, floor if floor > 1 else None)


async def list_logs(across: Database) -> set[UUID]:
    """Whoever has a log; for a login that sees across organisations."""
    async with across.across_tenants() as raw:
        return set(await queries.select_organisations(raw))
