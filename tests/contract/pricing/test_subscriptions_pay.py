"""What subscriptions pay as prices change and as they move, and which change awaits them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from footfall.pricing.v1 import price_pb2 as pb
from tests.bargaining import Seller, age
from tests.ingesting import at
from tests.organisations import Organisation
from tests.selling import Till, money, subscribe, subscriptions, tier, upsert

NOTICE = timedelta(hours=720)
DAY = 86_400


@pytest.fixture
def till(acme: Organisation) -> Iterator[Till]:
    with Till.open(acme) as till:
        yield till


@pytest.fixture(autouse=True)
def pro(robot: Seller) -> pb.Tier:
    """What is sold: for ten euros a month."""
    return upsert(robot, tier()).tier


def paid(seller: Seller, subscription_id: str = "s1") -> tuple[int, int]:
    """What a subscription pays, in euros, and the number of that price."""
    one = listed(seller, subscription_id)
    return one.price.units, one.price_version


def awaited(seller: Seller, subscription_id: str = "s1") -> tuple[str, datetime | None]:
    """The change that awaits a subscription, and when it will hold."""
    one = listed(seller, subscription_id)
    known = one.HasField("pending_effective_time")
    moment = one.pending_effective_time.ToDatetime(UTC) if known else None
    return one.pending_price_change_id, moment


def listed(seller: Seller, subscription_id: str) -> pb.Subscription:
    found = subscriptions(seller, with_ended=True)
    return next(one for one in found if one.subscription_id == subscription_id)


def effective(till: Till, change: uuid.UUID) -> datetime:
    moment: datetime = till.ask(
        "ann", "SELECT effective_at FROM app.price_changes WHERE price_change_id = %s", change
    )
    return moment


class TestMoves:
    def test_on_another_tier_it_pays_what_is_asked_there(self, robot: Seller) -> None:
        upsert(robot, tier("yen", price=money(500, currency="JPY")))
        subscribe(robot)
        moved = subscribe(robot, tier_id="yen").subscription
        assert (moved.price, moved.price_version) == (money(500, currency="JPY"), 1)

    def test_who_comes_back_pays_what_they_paid_until_told(
        self, robot: Seller, till: Till, acme: Organisation
    ) -> None:
        upsert(robot, tier("other", price=money(1)))
        subscribe(robot)
        subscribe(robot, tier_id="other")
        dearer = till.agree(1200)
        age(acme.database, acme.org_id, hours=721)
        till.apply(dearer)
        till.reach()
        back = subscribe(robot).subscription
        assert (back.price, back.price_version) == (money(10), 1)
        assert back.pending_price_change_id == str(dearer)
        subscribe(robot, "new")
        assert paid(robot, "new") == (12, 2)

    def test_what_became_cheaper_is_theirs(self, robot: Seller, till: Till) -> None:
        upsert(robot, tier("other", price=money(1)))
        subscribe(robot)
        subscribe(robot, tier_id="other")
        till.apply(till.agree(800))
        assert subscribe(robot).subscription.price == money(8)

    def test_who_runs_again_is_reached_again(self, robot: Seller, till: Till) -> None:
        subscribe(robot, started_at=at(DAY))
        subscribe(robot, ended_at=at(0))
        till.apply(till.agree(800))
        till.reach()
        assert paid(robot) == (10, 1)
        assert till.ask("ann", "SELECT reach_at FROM app.price_versions WHERE version = 2") is None
        subscribe(robot)
        assert till.ask("ann", "SELECT reach_at FROM app.price_versions WHERE version = 2")
        till.reach()
        assert paid(robot) == (8, 2)


class TestPending:
    def test_an_increase_awaits_its_notice(
        self, robot: Seller, till: Till, acme: Organisation
    ) -> None:
        subscribe(robot)
        subscribe(robot, "told", client_id="akka")
        dearer = till.agree(1200)
        assert awaited(robot) == (str(dearer), None)
        till.notify(dearer, "akka")
        change, moment = awaited(robot, "told")
        assert change == str(dearer)
        assert moment is not None
        assert abs(moment - datetime.now(UTC) - NOTICE) < timedelta(minutes=10)
        assert moment >= effective(till, dearer)
        age(acme.database, acme.org_id, hours=721)
        till.apply(dearer)
        assert paid(robot, "told") == (10, 1)
        assert awaited(robot, "told")[0] == str(dearer)
        till.reach()
        assert (paid(robot, "told"), awaited(robot, "told")) == ((12, 2), ("", None))
        assert (paid(robot), awaited(robot)) == ((10, 1), (str(dearer), None))

    def test_a_decrease_needs_none(self, robot: Seller, till: Till) -> None:
        subscribe(robot)
        cheaper = till.agree(900)
        assert awaited(robot) == (str(cheaper), effective(till, cheaper))
        till.apply(cheaper)
        assert awaited(robot) == (str(cheaper), effective(till, cheaper))
        till.reach()
        assert (paid(robot), awaited(robot)) == ((9, 2), ("", None))

    def test_what_holds_first_is_named(self, robot: Seller, till: Till) -> None:
        subscribe(robot)
        first, second = till.agree(1200), till.agree(1300)
        assert awaited(robot) == (str(second), None)
        till.notify(first)
        assert awaited(robot)[0] == str(first)
        cheaper = till.agree(900)
        assert awaited(robot) == (str(cheaper), effective(till, cheaper))

    def test_what_would_alter_nothing_is_not_awaited(
        self, robot: Seller, till: Till, acme: Organisation
    ) -> None:
        """Who still pays ten is not concerned by a price that goes back to ten."""
        subscribe(robot)
        dearer = till.agree(1200)
        age(acme.database, acme.org_id, hours=721)
        till.apply(dearer)
        till.reach()
        back = till.agree(1000)
        assert awaited(robot) == (str(dearer), None)
        till.apply(back)
        assert awaited(robot) == ("", None)
        till.reach()
        assert paid(robot)[0] == 10

    def test_a_notice_of_more_serves_for_less(
        self, robot: Seller, till: Till, acme: Organisation
    ) -> None:
        """Told of twelve, and it became eleven before that held: eleven holds when twelve had."""
        subscribe(robot)
        twelve = till.agree(1200)
        age(acme.database, acme.org_id, hours=721)
        till.apply(twelve)
        till.notify(twelve)
        moment = awaited(robot)[1]
        assert moment is not None
        eleven = till.agree(1100)
        till.apply(eleven)
        assert awaited(robot) == (str(eleven), moment)

    def test_what_a_client_was_told_of_awaits_it_even_if_another_came_since(
        self, robot: Seller, till: Till, acme: Organisation
    ) -> None:
        subscribe(robot)
        first = till.agree(1200)
        age(acme.database, acme.org_id, hours=721)
        till.apply(first)
        second = till.agree(1500)
        age(acme.database, acme.org_id, hours=100)
        till.notify(first)
        age(acme.database, acme.org_id, hours=621)
        moment = awaited(robot)[1]
        till.apply(second)
        assert awaited(robot) == (str(first), moment)
        age(acme.database, acme.org_id, hours=100)
        till.reach()
        assert paid(robot)[0] == 12
        assert awaited(robot) == (str(second), None)

    def test_nothing_awaits_who_left(self, robot: Seller, till: Till) -> None:
        subscribe(robot, started_at=at(DAY))
        till.agree(900)
        assert awaited(robot)[0]
        subscribe(robot, ended_at=at(0))
        assert awaited(robot) == ("", None)

    def test_of_another_tier_nothing_is_awaited(self, robot: Seller, till: Till) -> None:
        upsert(robot, tier("other"))
        subscribe(robot, tier_id="other")
        till.agree(900)
        assert awaited(robot) == ("", None)

    def test_what_was_cancelled_is_not_awaited(
        self, robot: Seller, till: Till, acme: Organisation
    ) -> None:
        subscribe(robot)
        change = till.agree(1200)
        word = till.ask("bob", "SELECT app.price_cancel(%s, %s, 1, 'no')", acme.org_id, change)
        assert word == "OK"
        assert awaited(robot) == ("", None)
