"""Whom a new price reaches, and from when on they pay it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.pricing.changes.usecases import reaching
from tests.effecting import Hands, audited, hands, reach_at, ripen
from tests.guarding import NOTICE, Till
from tests.postgres import MigratedDatabase

SECOND = timedelta(seconds=1)


def subscribe(till: Till, count: int, tier: str = "pro") -> None:
    for number in range(count):
        till.subscribe(f"s-{number}", f"c-{number}", tier)


def paid(till: Till, subscription: str) -> list[tuple[int, datetime]]:
    """What a subscription paid, from when on."""
    return till.database.execute(
        "SELECT v.amount_minor, p.valid_from FROM app.subscription_prices p"
        " JOIN app.price_versions v USING (org_id, tier_id, version)"
        " WHERE org_id = %s AND subscription_id = %s ORDER BY p.valid_from", till.org, subscription,
    )  # fmt: skip


def effective(till: Till, table: str = "price_changes") -> Any:
    [(at,)] = till.database.execute(
        f"SELECT effective_at FROM app.{table} WHERE org_id = %s", till.org
    )
    return at


def let_time_pass(till: Till, by: timedelta) -> None:
    """For notices alone, and what waits for them."""
    till.database.execute(
        "UPDATE app.price_notices SET delivered_at = delivered_at - %s,"
        " effective_at = effective_at - %s WHERE org_id = %s", by, by, till.org,
    )  # fmt: skip
    till.database.execute(
        "UPDATE app.price_versions SET reach_at = reach_at - %s WHERE org_id = %s", by, till.org
    )


async def test_a_decrease_reaches_everybody_at_once_without_notice(
    till: Till, worker: Hands
) -> None:
    subscribe(till, 3)
    till.agreed(900)
    await worker.applying.apply_due()
    assert await worker.reach_all() == 3
    assert [till.pays(f"s-{number}") for number in range(3)] == [900] * 3
    [(action, target, details)] = audited(till, "subscription_price%")
    assert (action, target) == ("subscription_price.reach", "pro")
    assert details == {
        "version": 2, "subscriptions": 3, "subscription_ids": ["s-0", "s-1", "s-2"],
    }  # fmt: skip
    assert reach_at(till) is None
    assert paid(till, "s-0")[-1][1] <= datetime.now(UTC)


async def test_an_increase_reaches_nobody_who_was_not_told(till: Till, worker: Hands) -> None:
    subscribe(till, 3)
    ripen(till, [till.agreed(1100)], timedelta(days=400))
    await worker.applying.apply_due()
    assert await worker.reach_all() == 0
    assert [till.pays(f"s-{number}") for number in range(3)] == [1000] * 3
    assert reach_at(till) is None
    till.subscribe("s-new", "c-new")
    assert till.pays("s-new") == 1100


async def test_who_was_told_in_time_pays_from_the_day_of_the_change(
    till: Till, worker: Hands
) -> None:
    subscribe(till, 2)
    change = till.agreed(1100)
    assert till.notice(change, "c-0") == "OK"
    till.travel(change, NOTICE + SECOND)
    let_time_pass(till, NOTICE + SECOND)
    await worker.applying.apply_due()
    assert await worker.reach_all() == 1
    assert [till.pays("s-0"), till.pays("s-1")] == [1100, 1000]
    assert paid(till, "s-0")[-1][1] >= effective(till)
    assert paid(till, "s-0")[-1][1] >= effective(till, "price_notices")


async def test_who_was_told_late_pays_720_hours_later_and_not_a_moment_sooner(
    till: Till, worker: Hands
) -> None:
    subscribe(till, 1)
    change = till.ripe(1100)
    await worker.applying.apply_due()
    await worker.reach_all()
    assert till.notice(change, "c-0") == "OK"
    assert reach_at(till) == effective(till, "price_notices")
    let_time_pass(till, NOTICE - timedelta(seconds=60))
    assert await worker.reach_all() == 0
    assert till.pays("s-0") == 1000
    let_time_pass(till, timedelta(seconds=61))
    assert await worker.reach_all() == 1
    assert till.pays("s-0") == 1100
    assert reach_at(till) is None


async def test_a_notice_that_is_recorded_long_after_it_was_delivered_counts_from_then(
    till: Till, worker: Hands
) -> None:
    subscribe(till, 1)
    change = till.agreed(1100)
    till.travel(change, NOTICE + timedelta(days=10))
    await worker.applying.apply_due()
    await worker.reach_all()
    delivered = datetime.now(UTC) - NOTICE - timedelta(days=5)
    assert till.notice(change, "c-0", delivered) == "OK"
    assert await worker.reach_all() == 1
    assert till.pays("s-0") == 1100


async def test_a_notice_of_a_higher_price_serves_for_the_lower_one_that_followed(
    till: Till, worker: Hands
) -> None:
    subscribe(till, 2)
    high = till.ripe(1500)
    await worker.applying.apply_due()
    assert till.notice(high, "c-0") == "OK"
    lower = till.agreed(1200)
    await worker.applying.apply_due()
    assert await worker.reach_all() == 0, "one was told of 15 and pays 10; the time of that runs"
    let_time_pass(till, NOTICE + SECOND)
    assert await worker.reach_all() == 1
    assert [till.pays("s-0"), till.pays("s-1")] == [1200, 1000]
    assert till.notice(lower, "c-1") == "OK", "for them it is dearer"
    let_time_pass(till, NOTICE + SECOND)
    assert await worker.reach_all() == 1
    assert till.pays("s-1") == 1200


async def test_many_are_reached_in_pieces_each_on_record_and_each_once(
    till: Till, worker: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaching, "_SUBSCRIPTIONS", 5)
    subscribe(till, 20)
    till.agreed(900)
    await worker.applying.apply_due()
    assert await worker.reach_all() == 20
    pieces = [details["subscription_ids"] for _, _, details in audited(till, "subscription_price%")]
    assert [len(one) for one in pieces] == [5] * 4
    assert len({one for piece in pieces for one in piece}) == 20
    assert reach_at(till) is None


async def test_whoever_is_told_while_pieces_are_made_is_not_passed_by(
    till: Till, worker: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaching, "_SUBSCRIPTIONS", 2)
    subscribe(till, 7)
    change = till.agreed(1100)
    for number in range(2, 7):
        assert till.notice(change, f"c-{number}") == "OK"
    till.travel(change, NOTICE + timedelta(days=10))
    let_time_pass(till, NOTICE + SECOND)
    await worker.applying.apply_due()
    reached = worker.reaching
    assert await reached.reach_due() == 2
    delivered = datetime.now(UTC) - NOTICE - SECOND
    assert till.notice(change, "c-0", delivered) == "OK", "before where it is by now"
    while await reached.reach_due():
        pass
    assert await worker.reach_all() == 0
    assert till.pays("s-0") == 1100
    assert [till.pays(f"s-{number}") for number in range(7)] == [1100, 1000] + [1100] * 5


async def test_several_workers_reach_each_once(
    database: MigratedDatabase, till: Till, worker: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaching, "_SUBSCRIPTIONS", 3)
    subscribe(till, 20)
    till.agreed(900)
    await worker.applying.apply_due()
    async with hands(database) as other:
        both = [worker.reaching, other.reaching]
        async with asyncio.timeout(60):
            while reach_at(till) is not None:
                await asyncio.gather(*(one.reach_due() for one in both))
    assert [len(paid(till, f"s-{number}")) for number in range(20)] == [2] * 20
    named = [
        one
        for _, _, details in audited(till, "subscription_price%")
        for one in details["subscription_ids"]
    ]
    assert sorted(named) == sorted(f"s-{number}" for number in range(20))


async def test_who_comes_back_is_looked_at_again(till: Till, worker: Hands) -> None:
    """Who had left when a price fell pays it when they are back."""
    subscribe(till, 1)
    till.database.execute("UPDATE app.subscriptions SET ended_at = now()")
    till.agreed(900)
    await worker.applying.apply_due()
    assert await worker.reach_all() == 0
    till.database.execute("UPDATE app.subscriptions SET ended_at = NULL")
    assert till.price_of("s-0") == "EXISTS"
    assert await worker.reach_all() == 1
    assert till.pays("s-0") == 900


async def test_without_its_audit_row_nobody_is_reached(till: Till, worker: Hands) -> None:
    subscribe(till, 2)
    till.agreed(900)
    await worker.applying.apply_due()
    till.database.execute("REVOKE INSERT ON app.audit_entries FROM footfall_pricing")
    assert await worker.reach_all() == 0
    assert [till.pays("s-0"), till.pays("s-1")] == [1000, 1000]
    till.database.execute("GRANT INSERT ON app.audit_entries TO footfall_pricing")
    assert await worker.reach_all() == 2
