"""Changes after 30, 60 and 90 days: what was predicted against what came."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from services.pricing.changes import queries
from services.pricing.changes.queries import due, reviewing
from services.pricing.changes.rules import reviews
from services.pricing.changes.rules.changes import PriceChange, Review
from services.pricing.changes.rules.effects import DueReview
from services.pricing.changes.usecases.recording import record, tell_of_change
from services.pricing.changes.usecases.turns import Turns, as_worker
from shared.clock import Clock
from shared.database import Database, RawConnection


class Reviewing:
    """Makes reviews that are due, each once. Any number may, at once."""

    def __init__(
        self, database: Database, across: Database, clock: Clock, *, rest_seconds: float = 30.0
    ) -> None:
        """`across` is the maintenance login, which sees every organisation."""
        self._database = database
        self._across = across
        self._turns = Turns("reviewing", clock, rest_seconds=rest_seconds)

    async def review_due(self) -> list[Review]:
        """Make some of everyone's reviews."""
        async with self._across.across_tenants() as raw:
            found = await due.select_due_reviews(raw, self._turns.aside)
        return await self._turns.all(found, self._review)

    async def _review(self, one: DueReview) -> Review | None:
        org_id, change_id = one.org_id, one.price_change_id
        async with self._database.raw_transaction(as_worker(org_id)) as raw:
            [change] = await queries.select_uncounted(raw, org_id, [change_id])
            found = await _compare(raw, org_id, change, one.days)
            reviewed_at = await reviewing.insert_review(raw, org_id, change_id, found)
            if reviewed_at is None:
                return None
            review = replace(found, reviewed_at=reviewed_at)
            if review.within is False:
                await tell_of_change(raw, org_id, change, review)
            await _record(raw, org_id, change, review)
        return review


async def _compare(raw: RawConnection, org_id: UUID, change: PriceChange, days: int) -> Review:
    evidence = await reviewing.select_evidence(raw, org_id, change.price_change_id)
    predicted = reviews.impact_of(evidence, change.currency)
    windows = reviews.after(change.effective_at, days), reviews.before(change.effective_at)
    came, was = [
        await reviewing.select_revenue_micros(raw, org_id, change.tier_id, change.currency, window)
        for window in windows
    ]
    actual = reviews.minor_units(came - was, change.currency)
    share = await reviewing.select_paid_share(raw, org_id, change, windows[0])
    within = reviews.within(predicted, actual, share)
    return Review(days, predicted, actual, within, share, windows[0].until)


async def _record(raw: RawConnection, org_id: UUID, change: PriceChange, review: Review) -> None:
    predicted = review.predicted
    details = {
        "tier_id": change.tier_id,
        "days": review.days,
        "predicted_minor": None if predicted is None else predicted._asdict(),
        "actual_minor": review.actual_minor,
        "currency": change.currency,
        "within": review.within,
        "paid_share": review.paid_share,
    }
    await record(raw, org_id, "price_change.review", str(change.price_change_id), details)
