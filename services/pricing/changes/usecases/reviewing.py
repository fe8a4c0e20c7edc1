"""Changes after 30, 60 and 90 days: what was predicted against what came."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from services.pricing.changes import queries
from services.pricing.changes.queries import acting, due
from services.pricing.changes.rules import reviews
from services.pricing.changes.rules.changes import PriceChange, Review
from services.pricing.changes.rules.effects import DueReview
from services.pricing.changes.usecases.recording import record, tell_of_change
from services.pricing.changes.usecases.turns import Turns, as_worker
from shared.clock import Clock
from shared.database import Database, RawConnection


class Reviewing:
    """Makes reviews that are due, each once. Any number may, at once."""

    def __init__(self, database: Database, across: Database, clock: Clock) -> None:
        """`across` is the maintenance login, which sees every organisation."""
        self._database = database
        self._across = across
        self._turns = Turns("reviewing", clock)

    async def review_due(self) -> list[Review]:
        """Make some of everyone's reviews."""
        async with self._across.across_tenants() as raw:
            found = await due.select_due_reviews(raw, self._turns.aside)
        taken = [await self._turns.take(one.org_id, self._review(one)) for one in found]
        return [one for one in taken if one is not None]

    async def _review(self, one: DueReview) -> Review | None:
        org_id, change_id = one.org_id, one.price_change_id
        async with self._database.raw_transaction(as_worker(org_id)) as raw:
            [change] = await queries.select_uncounted(raw, org_id, [change_id])
            found = await _compare(raw, org_id, change, one.days)
            reviewed_at = await acting.insert_review(raw, org_id, change_id, found)
            if reviewed_at is None:
                return None
            review = replace(found, reviewed_at=reviewed_at)
            if review.within is False:
                await tell_of_change(raw, org_id, change, review)
            await _record(raw, org_id, change, review)
        return review


async def _compare(raw: RawConnection, org_id: UUID, change: PriceChange, days: int) -> Review:
    evidence = await acting.select_evidence(raw, org_id, change.price_change_id)
    predicted = reviews.impact_of(evidence, change.currency)
    windows = reviews.after(change.effective_at, days), reviews.before(change.effective_at)
    came, was = [
        await acting.select_revenue_micros(raw, org_id, change.tier_id, change.currency, window)
        for window in windows
    ]
    actual = reviews.minor_units(came - was, change.currency)
    within = None if predicted is None else predicted.holds(actual)
    return Review(days, predicted, actual, within, windows[0].until)


async def _record(raw: RawConnection, org_id: UUID, change: PriceChange, review: Review) -> None:
    predicted = review.predicted
    details = {
        "tier_id": change.tier_id,
        "days": review.days,
        "predicted_minor": None if predicted is None else predicted._asdict(),
        "actual_minor": review.actual_minor,
        "currency": change.currency,
        "within": review.within,
    }
    await record(raw, org_id, "price_change.review", str(change.price_change_id), details)
