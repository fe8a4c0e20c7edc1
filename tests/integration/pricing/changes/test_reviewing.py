"""After 30, 60 and 90 days: what was predicted against what came, each once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from google.type.money_pb2 import Money

from footfall.events.v1 import event_pb2
from shared.database import Database
from tests.bargaining import age
from tests.effecting import Hands, acts, audited, hands, listen, messages
from tests.guarding import ANN, BOB, Till
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase
from tests.storing import event_at, store

REFUND, CONTRACTION = 7, 5


@pytest.fixture
async def writer(database: MigratedDatabase) -> AsyncIterator[Database]:
    opened = Database(database.urls["footfall_event_ingest"], application_name="test")
    await opened.open()
    yield opened
    await opened.close()


def predicted(p10: int, p50: int, p90: int) -> dict[str, Any]:
    """Evidence as it is frozen, in whole euros."""
    told = {"p10": p10, "p50": p50, "p90": p90}
    return {
        "revenue_change_30_days": {
            name: {"currency_code": "EUR", "units": str(units)} for name, units in told.items()
        }
    }


def agreed(till: Till, evidence: dict[str, Any], proposed: int = 900) -> UUID:
    """A change that was asked for with this evidence."""
    change = uuid4()
    asked = till.ask(
        ANN, "admin",
        "SELECT app.price_request(%s, %s, NULL, 'pro', %s, 'EUR', NULL, 'why', %s::jsonb, '[]',"
        " 'ann', NULL, NULL)", till.org, change, proposed, json.dumps(evidence),
    )  # fmt: skip
    assert asked == "OK"
    assert till.decide(BOB, change) == "OK"
    return change


async def earn(
    writer: Database, till: Till, days_from_effect: float, euros: float, **fields: Any
) -> None:
    """Money of the tier, so many days after the change that is in force took effect."""
    [(effective_at,)] = till.database.execute(
        "SELECT effective_at FROM app.price_changes WHERE org_id = %s AND state = 3", till.org
    )
    nanos = round(euros % 1 * 1_000_000_000)
    amount = Money(currency_code=fields.pop("currency", "EUR"), units=int(euros), nanos=nanos)
    revenue = event_pb2.Revenue(**{"amount": amount, "tier": "pro", **fields})
    moment = effective_at + timedelta(days=days_from_effect)
    acme = Organisation(till.org, till.database)
    assert await store(writer, acme, [event_at(moment, "revenue", revenue=revenue)]) == 1


async def in_force(till: Till, worker: Hands, evidence: dict[str, Any], **ago: float) -> UUID:
    change = agreed(till, evidence)
    assert len((await worker.applying.apply_due()).changes) == 1
    await worker.reach_all()
    age(till.database, till.org, **ago)
    return change


def reviews(till: Till) -> list[tuple[int, int, bool | None]]:
    return till.database.execute(
        "SELECT days, actual_minor, within FROM app.price_change_reviews WHERE org_id = %s"
        " ORDER BY days", till.org,
    )  # fmt: skip


async def test_what_came_is_the_month_before_the_day_less_the_month_before_the_change(
    till: Till, worker: Hands, writer: Database
) -> None:
    await in_force(till, worker, predicted(50, 100, 200), days=31)
    for days, euros in ((-31, 5000), (-29, 300), (-1, 0.5), (1, 400), (29, 21.25)):
        await earn(writer, till, days, euros)
    await earn(writer, till, 2, 70, kind=REFUND)
    await earn(writer, till, 2, 999, kind=CONTRACTION)
    await earn(writer, till, 2, 999, tier="max")
    await earn(writer, till, 2, 999, currency="USD")
    await earn(writer, till, 30.5, 9999)
    [review] = await worker.reviewing.review_due()
    assert (review.actual_minor, review.within) == (5075, True)
    assert reviews(till) == [(30, 5075, True)]
    [(_, _, details)] = audited(till, "price_change.review")
    assert details["predicted_minor"] == {"p10": 5000, "p50": 10000, "p90": 20000}
    assert await worker.reviewing.review_due() == []


async def test_outside_what_was_predicted_whoever_listens_is_told_once(
    till: Till, worker: Hands, writer: Database
) -> None:
    listen(till)
    change = await in_force(till, worker, predicted(-10, 0, 10), days=61)
    await earn(writer, till, 35, 10.01)
    for _ in range(2):
        await worker.reviewing.review_due()
    assert reviews(till) == [(30, 0, True), (60, 1001, False)]
    told = [body["data"] for _, body in messages(till) if "review" in body["data"]]
    assert [one["review"]["days"] for one in told] == [60]
    assert told[0]["review"]["actual"] == {
        "currency_code": "EUR", "units": "10", "nanos": 10_000_000,
    }  # fmt: skip
    assert acts(till, change)["price_change.review"] == 2


async def test_not_a_day_early_and_all_three_in_the_end(till: Till, worker: Hands) -> None:
    await in_force(till, worker, predicted(0, 1, 2), days=29, hours=23)
    assert await worker.reviewing.review_due() == []
    age(till.database, till.org, days=61)
    assert [one.days for one in await worker.reviewing.review_due()] == [30, 60, 90]


async def test_where_nothing_was_predicted_nobody_is_alarmed(till: Till, worker: Hands) -> None:
    listen(till)
    await in_force(till, worker, {"insufficient": ["NO_DATA"]}, days=31)
    [review] = await worker.reviewing.review_due()
    assert (review.predicted, review.within) == (None, None)
    assert reviews(till) == [(30, 0, None)]
    assert not [body for _, body in messages(till) if "review" in body["data"]]


async def test_a_change_that_is_not_in_force_any_more_is_not_judged(
    till: Till, worker: Hands
) -> None:
    await in_force(till, worker, predicted(0, 1, 2), days=45)
    till.agreed(800)
    await worker.applying.apply_due()
    age(till.database, till.org, days=20)
    assert [one.days for one in await worker.reviewing.review_due()] == [30], "it was for 45 days"


async def test_what_was_applied_late_was_in_force_no_longer(till: Till, worker: Hands) -> None:
    """The next one was to take effect after 25 days, and everything was down for 20 more."""
    await in_force(till, worker, predicted(0, 1, 2), days=25)
    till.agreed(800)
    age(till.database, till.org, days=20)
    await worker.applying.apply_due()
    assert await worker.reviewing.review_due() == []
    assert reviews(till) == []


async def test_an_increase_is_not_judged_before_it_has_reached_subscribers(
    till: Till, worker: Hands
) -> None:
    """Four subscribers: one was told at once, one ten days later, two never."""
    listen(till)
    for number in range(4):
        till.subscribe(f"s-{number}", f"c-{number}")
    change = agreed(till, predicted(10, 20, 30), 1100)
    till.notice(change, "c-0")
    age(till.database, till.org, days=10)
    till.notice(change, "c-1")
    age(till.database, till.org, days=20, hours=1)
    assert len((await worker.applying.apply_due()).changes) == 1
    await worker.reach_all()
    age(till.database, till.org, days=29, hours=23)
    assert await worker.reviewing.review_due() == [], "somebody is due to pay it"
    await worker.reach_all()
    [review] = await worker.reviewing.review_due()
    assert review.paid_share == pytest.approx((1 + 20 / 30 + 0 + 0) / 4, abs=0.01)
    assert (review.within, reviews(till)) == (None, [(30, 0, None)])
    [(_, _, details)] = audited(till, "price_change.review")
    assert (details["within"], details["paid_share"]) == (None, review.paid_share)
    for client in ("c-2", "c-3"):
        till.notice(change, client)
    age(till.database, till.org, days=60)
    await worker.reach_all()
    assert [one.within for one in await worker.reviewing.review_due()] == [None, False]
    told = [
        body["data"]["review"]["days"] for _, body in messages(till) if "review" in body["data"]
    ]
    assert told == [90]


async def test_several_workers_make_each_once(
    database: MigratedDatabase, till: Till, worker: Hands
) -> None:
    listen(till)
    await in_force(till, worker, predicted(5, 6, 7), days=91)
    async with hands(database) as other:
        made = await asyncio.gather(
            *(one.reviewing.review_due() for one in (worker, other, worker, other))
        )
    assert sorted(review.days for one in made for review in one) == [30, 60, 90]
    assert len(audited(till, "price_change.review")) == 3
    told = [one for one, body in messages(till) if "review" in body["data"]]
    assert len(set(told)) == len(told) == 3


async def test_a_review_that_is_not_put_on_record_is_not_made(till: Till, worker: Hands) -> None:
    await in_force(till, worker, predicted(0, 1, 2), days=31)
    till.database.execute("REVOKE INSERT ON app.audit_entries FROM footfall_pricing")
    assert await worker.reviewing.review_due() == []
    assert reviews(till) == []
