"""Of which prices a subscriber was told, and which of them therefore hold for it."""

from __future__ import annotations

from tests.bargaining import age
from tests.effecting import Hands
from tests.guarding import NOTICE, Till
from tests.integration.pricing.changes.test_reaching import SECOND, let_time_pass


async def test_the_notice_of_one_increase_is_none_of_a_later_one(till: Till, worker: Hands) -> None:
    till.subscribe("s-1", "c-1")
    high = till.ripe(1500)
    await worker.applying.apply_due()
    assert till.notice(high, "c-1") == "OK"
    end(till, "s-1")
    till.agreed(1200)
    await worker.applying.apply_due()
    till.ripe(1400)
    await worker.applying.apply_due()
    let_time_pass(till, NOTICE + SECOND)
    resume(till, "s-1")
    await worker.reach_all()
    assert till.pays("s-1") == 1200, "told of 15, which became 12; nobody told of 14"


async def test_a_price_that_somebody_was_told_of_holds_for_them_even_if_another_came_since(
    till: Till, worker: Hands
) -> None:
    till.subscribe("s-1", "c-1")
    first = till.ripe(1200)
    await worker.applying.apply_due()
    assert till.notice(first, "c-1") == "OK"
    second = till.ripe(1500)
    await worker.applying.apply_due()
    await worker.reach_all()
    assert till.pays("s-1") == 1000, "the time of the notice runs"
    let_time_pass(till, NOTICE + SECOND)
    await worker.reach_all()
    assert till.pays("s-1") == 1200
    assert till.notice(second, "c-1") == "OK"
    let_time_pass(till, NOTICE + SECOND)
    await worker.reach_all()
    assert till.pays("s-1") == 1500


async def test_a_decrease_that_came_and_went_while_no_worker_ran_holds_for_subscribers(
    till: Till, worker: Hands
) -> None:
    till.subscribe("s-1", "c-1")
    till.agreed(800)
    await worker.applying.apply_due()
    till.agreed(900)
    age(till.database, till.org, days=31)
    await worker.applying.apply_due()
    await worker.reach_all()
    assert till.pays("s-1") == 800, "9 is an increase, and nobody was told of it"


async def test_who_leaves_before_a_decrease_reached_them_comes_back_to_it(
    till: Till, worker: Hands
) -> None:
    till.tier("plus", 5000)
    till.subscribe("s-1", "c-1")
    till.agreed(500)
    await worker.applying.apply_due()
    move(till, "s-1", "plus")
    till.ripe(2000)
    await worker.applying.apply_due()
    move(till, "s-1", "pro")
    await worker.reach_all()
    assert till.pays("s-1") == 500


async def test_what_was_cheap_while_somebody_was_away_is_not_theirs(
    till: Till, worker: Hands
) -> None:
    till.tier("plus", 5000)
    till.subscribe("s-1", "c-1")
    move(till, "s-1", "plus")
    till.agreed(500)
    await worker.applying.apply_due()
    till.ripe(2000)
    await worker.applying.apply_due()
    move(till, "s-1", "pro")
    await worker.reach_all()
    assert till.pays("s-1") == 1000


def end(till: Till, subscription: str) -> None:
    set_column(till, subscription, "ended_at = now()")


def resume(till: Till, subscription: str) -> None:
    set_column(till, subscription, "ended_at = NULL")


def move(till: Till, subscription: str, tier: str) -> None:
    set_column(till, subscription, f"tier_id = '{tier}'")


def set_column(till: Till, subscription: str, change: str) -> None:
    till.database.execute(
        f"UPDATE app.subscriptions SET {change} WHERE org_id = %s AND subscription_id = %s",
        till.org, subscription,
    )  # fmt: skip
    till.price_of(subscription)
