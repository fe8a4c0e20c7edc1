"""Reading requests, and following them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from uuid import UUID

from services.pricing.approvals import queries
from services.pricing.approvals.errors import ApprovalNotFound
from services.pricing.approvals.rules.approval import Approval, Cursor, Page, Where
from services.pricing.changes.queries import select_price_change
from services.pricing.changes.rules.changes import PriceChange
from shared.database import Database, RawConnection
from shared.following import Log, Piece, Place, follow, has_more, latest, walk
from shared.identity.identity import Identity
from shared.schema.pricing import approval_changes

CHANGES: Log[UUID] = Log(approval_changes, "approval_ids")


Approved = tuple[Approval, PriceChange | None]
"""A request, and the change that came of it, if one did."""


async def get_approval(database: Database, caller: Identity, approval_id: UUID) -> Approved:
    """One request. Raises ApprovalNotFound."""
    found = await queries.select_approval_at_once(database, caller.tenant, approval_id)
    if found is None:
        raise ApprovalNotFound(resource="approval")
    if found.price_change_id is None:  # as long as it waits, when it is read most
        return found, None
    async with database.raw_transaction(caller.tenant) as raw:
        return found, await read_change(raw, caller, found)


async def read_change(
    raw: RawConnection, caller: Identity, approval: Approval | None
) -> PriceChange | None:
    """The change that came of a request, if one did."""
    if approval is None or approval.price_change_id is None:
        return None
    return await select_price_change(raw, caller.org_id, approval.price_change_id)


async def list_approvals(
    database: Database, caller: Identity, where: Where, *, after: Cursor | None, size: int
) -> Page:
    """A page of requests, the latest first."""
    async with database.raw_transaction(caller.tenant) as raw:
        found = await queries.select_approvals(raw, caller.org_id, where, after, size + 1)
    return Page(found[:size], len(found) > size)


def watch_approvals(
    database: Database, caller: Identity, tier_id: str, place: Place, stopping: asyncio.Event
) -> AsyncIterator[Piece[Approval]]:
    """Requests as they change, as they are now. Raises StreamLifeEnded."""
    return follow(partial(_read_piece, database, caller, tier_id), place, stopping)


async def _read_piece(
    database: Database, caller: Identity, tier_id: str, place: Place
) -> Piece[Approval]:
    async with database.tenant_transaction(caller.tenant) as transaction:
        connection, org_id = transaction.connection, caller.org_id
        changes, logged_at = await CHANGES.select_batches(connection, org_id, place.position)
        steps = latest(walk(changes, place))
        wanted = [one for one, _ in steps]
        found = await queries.select_approvals_by_id(transaction.raw, org_id, wanted, tier_id)
        again = await CHANGES.select_changed_again(connection, org_id, changes, steps)
    shown = found.keys() - again
    approvals = [(found[one], after) for one, after in steps if one in shown]
    # Without rows no further: after a crash Postgres gives ids again that nobody committed with.
    after = steps[-1][1] if steps else place
    return Piece(approvals, after, has_more(changes, after), logged_at)
