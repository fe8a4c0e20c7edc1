"""Changes whose time has come: each takes effect once, whoever tries how often."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.pricing.approvals import queries as approvals
from services.pricing.changes import queries
from services.pricing.changes.errors import (
    AfterAnother,
    AlreadyApplied,
    InHand,
    NotDue,
    PriceChangeNotFound,
    PriceChangeOver,
)
from services.pricing.changes.queries import acting, due
from services.pricing.changes.rules import effects
from services.pricing.changes.rules.changes import ChangeState, PriceChange
from services.pricing.changes.usecases.recording import (
    record_approvals,
    record_change,
    tell_of_change,
)
from services.pricing.changes.usecases.turns import Turns, as_worker
from shared.clock import Clock
from shared.database import Database, RawConnection
from shared.errors import FailedPrecondition, FootfallError, NotFound


@dataclass(frozen=True, slots=True)
class Applied:
    """What one look at all organisations did."""

    changes: list[PriceChange]
    """As they stand now: in force, stale or failed."""
    found: int
    """How many were due, those included that others had in hand."""
    behind_seconds: float
    """How long the first had been due; 0 when there was none."""


class Applying:
    """Applies what is due, the oldest first. Any number may, at once."""

    def __init__(
        self, database: Database, across: Database, clock: Clock, *, rest_seconds: float = 1.0
    ) -> None:
        """`across` is the maintenance login, which sees every organisation."""
        self._database = database
        self._across = across
        self._turns = Turns("applying", clock, rest_seconds=rest_seconds)

    async def apply_due(self) -> Applied:
        """Apply changes whose time has come."""
        async with self._across.across_tenants() as raw:
            found = await due.select_due_changes(raw, self._turns.aside)
        applied = await self._turns.all(found, self._apply)
        behind = max((one.late_seconds for one in found), default=0.0)
        return Applied(applied, len(found), behind)

    async def _apply(self, one: effects.DueChange) -> PriceChange | None:
        try:
            return await apply_price_change(self._database, one.org_id, one.price_change_id)
        except (FailedPrecondition, NotFound):  # others were faster, or cancelled it
            return None


async def apply_price_change(
    database: Database, org_id: UUID, price_change_id: UUID
) -> PriceChange:
    """Let a change take effect, with all that follows from it: as it stands then.

    Raises InHand, PriceChangeNotFound, NotDue, AfterAnother, AlreadyApplied, PriceChangeOver.
    """
    async with database.raw_transaction(as_worker(org_id)) as raw:
        if not await acting.lock_work(raw, org_id, str(price_change_id)):
            raise InHand
        word = await acting.update_applied(raw, org_id, price_change_id)
        if word in _REFUSALS:
            raise _REFUSALS[word]
        [change] = await queries.select_uncounted(raw, org_id, [price_change_id])
        if change.state is ChangeState.EFFECTIVE:
            await _follow(raw, org_id, change)
        await tell_of_change(raw, org_id, change)
        await record_change(raw, org_id, change)
    return change


async def _follow(raw: RawConnection, org_id: UUID, change: PriceChange) -> None:
    """Put on record what the change ended: the one before it, and what waited for its base."""
    touched = await acting.select_touched(raw, org_id, change.price_change_id)
    await approvals.insert_changes(raw, org_id, touched.approval_ids)
    await record_approvals(raw, org_id, touched.approval_ids, "approval.stale")
    for other in await queries.select_uncounted(raw, org_id, touched.price_change_ids):
        if other.state is not ChangeState.SUPERSEDED:
            await tell_of_change(raw, org_id, other)
        await record_change(raw, org_id, other, by=str(change.price_change_id))


_REFUSALS: dict[str, type[FootfallError]] = {
    "NOT_FOUND": PriceChangeNotFound,
    "TOO_EARLY": NotDue,
    "AFTER_ANOTHER": AfterAnother,
    "ALREADY_APPLIED": AlreadyApplied,
    "OVER": PriceChangeOver,
}
