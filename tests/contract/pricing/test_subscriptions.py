"""UpsertSubscription and ListSubscriptions."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from footfall.pricing.v1 import price_pb2 as pb
from tests.bargaining import Pricing, Seller
from tests.ingesting import at
from tests.organisations import Organisation
from tests.selling import (
    Till,
    audited,
    money,
    refused,
    subscribe,
    subscriptions,
    tier,
    upsert,
)

DAY = 86_400


@pytest.fixture
def till(acme: Organisation) -> Iterator[Till]:
    with Till.open(acme) as till:
        yield till


@pytest.fixture(autouse=True)
def pro(robot: Seller) -> pb.Tier:
    """What is sold: for ten euros a month."""
    return upsert(robot, tier()).tier


def paid(seller: Seller, subscription_id: str) -> tuple[int, int]:
    """What a subscription pays, in euros, and the number of that price."""
    [one] = [one for one in subscriptions(seller) if one.subscription_id == subscription_id]
    return one.price.units, one.price_version


class TestUpsert:
    def test_a_new_one_pays_the_price_in_force(self, robot: Seller) -> None:
        answer = subscribe(robot, started_at=at(5 * DAY))
        assert answer.created
        kept = answer.subscription
        assert [kept] == subscriptions(robot)
        assert (kept.subscription_id, kept.client_id, kept.tier_id) == ("s1", "nils", "pro")
        assert (kept.price, kept.price_version) == (money(10), 1)
        assert not kept.HasField("ended_at")
        assert kept.etag
        assert (kept.pending_price_change_id, kept.HasField("pending_effective_time")) == (
            "",
            False,
        )

    def test_one_after_a_change_pays_the_new_price(self, robot: Seller, till: Till) -> None:
        subscribe(robot, "old")
        till.apply(till.agree(900))
        subscribe(robot, "new")
        assert paid(robot, "new") == (9, 2)
        assert paid(robot, "old") == (10, 1)

    def test_it_starts_now_unless_it_says_when(self, robot: Seller) -> None:
        before = datetime.now(UTC)
        kept = subscribe(robot).subscription
        assert before <= kept.started_at.ToDatetime(UTC) <= datetime.now(UTC)
        assert subscribe(robot, "s2", started_at=at(-30)).created, "clocks differ a little"
        moment = at(3 * DAY)
        again = subscribe(robot, started_at=moment).subscription
        assert again.started_at == moment
        assert subscribe(robot).subscription == again

    def test_the_same_again_changes_nothing(self, robot: Seller, acme: Organisation) -> None:
        first = subscribe(robot)
        request = pb.UpsertSubscriptionRequest(subscription=first.subscription)
        again = robot.call("UpsertSubscription", request)
        assert again.subscription == first.subscription
        assert not again.created
        assert [one[0] for one in audited(acme)] == ["tier.create", "subscription.create"]

    def test_it_ends_and_runs_again(self, robot: Seller) -> None:
        first = subscribe(robot, started_at=at(2 * DAY)).subscription
        ended = subscribe(robot, ended_at=at(DAY)).subscription
        assert ended.ended_at.seconds == pytest.approx(at(DAY).seconds, abs=60)
        assert ended.etag != first.etag
        assert not subscriptions(robot)
        assert subscriptions(robot, with_ended=True) == [ended]
        again = subscribe(robot).subscription
        assert not again.HasField("ended_at")
        assert subscriptions(robot) == [again]

    def test_its_client_stays(self, robot: Seller) -> None:
        kept = subscribe(robot).subscription
        error = refused(subscribe, robot, client_id="akka")
        assert error.code is grpc.StatusCode.FAILED_PRECONDITION
        assert error.reason == "FAILED_PRECONDITION"
        assert subscriptions(robot) == [kept]

    def test_a_tier_that_there_is_not(self, robot: Seller) -> None:
        error = refused(subscribe, robot, tier_id="nothing")
        assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
        subscribe(robot)
        assert refused(subscribe, robot, tier_id="nothing").code is grpc.StatusCode.NOT_FOUND
        assert len(subscriptions(robot)) == 1

    def test_a_stale_etag_is_aborted(self, robot: Seller) -> None:
        first = subscribe(robot).subscription
        second = subscribe(robot, started_at=at(DAY), etag=first.etag).subscription
        error = refused(subscribe, robot, started_at=at(2 * DAY), etag=first.etag)
        assert (error.code, error.reason) == (grpc.StatusCode.ABORTED, "STALE_ETAG")
        assert subscriptions(robot) == [second]
        assert refused(subscribe, robot, "other", etag=first.etag).code is grpc.StatusCode.ABORTED

    def test_another_price_makes_an_etag_stale(self, robot: Seller, till: Till) -> None:
        etag = subscribe(robot).subscription.etag
        till.apply(till.agree(900))
        till.reach()
        assert paid(robot, "s1") == (9, 2)
        assert refused(subscribe, robot, etag=etag).code is grpc.StatusCode.ABORTED

    def test_a_repeat_gets_the_first_answer(self, robot: Seller) -> None:
        request_id, moment = str(uuid.uuid4()), at(DAY)
        first = subscribe(robot, request_id=request_id, started_at=moment)
        subscribe(robot, started_at=at(2 * DAY))
        assert subscribe(robot, request_id=request_id, started_at=moment) == first
        error = refused(subscribe, robot, request_id=request_id)
        assert (error.code, error.reason) == (
            grpc.StatusCode.ALREADY_EXISTS,
            "REQUEST_ID_REUSED",
        )

    def test_it_is_audited(self, robot: Seller, acme: Organisation) -> None:
        subscribe(robot)
        ended = subscribe(robot, ended_at=at(0)).subscription
        _, (made, target, details), (changed, other, after) = audited(acme)
        assert (made, target) == ("subscription.create", "s1")
        assert (changed, other) == ("subscription.update", "s1")
        assert details["ended_at"] is None
        assert datetime.fromisoformat(after["ended_at"]) == ended.ended_at.ToDatetime(UTC)
        assert details | {"started_at": "", "ended_at": ""} == {
            "client_id": "nils",
            "tier_id": "pro",
            "started_at": "",
            "ended_at": "",
            "amount_minor": 1000,
            "currency": "EUR",
            "price_version": 1,
        }

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"subscription_id": ""}, "subscription.subscription_id"),
            ({"subscription_id": "x" * 129}, "subscription.subscription_id"),
            ({"subscription_id": "a\0b"}, "subscription.subscription_id"),
            ({"client_id": ""}, "subscription.client_id"),
            ({"client_id": "x" * 129}, "subscription.client_id"),
            ({"tier_id": ""}, "subscription.tier_id"),
            ({"etag": "x" * 65}, "subscription.etag"),
            ({"started_at": at(-DAY)}, "subscription.started_at"),
            ({"started_at": Timestamp(seconds=946_684_799)}, "subscription.started_at"),
            ({"started_at": Timestamp(seconds=-70_000_000_000)}, "subscription.started_at"),
            ({"started_at": Timestamp(nanos=1_000_000_000)}, "subscription.started_at"),
            ({"ended_at": at(-DAY)}, "subscription.ended_at"),
            ({"ended_at": Timestamp(seconds=253_402_300_800)}, "subscription.ended_at"),
            ({"started_at": at(DAY), "ended_at": at(2 * DAY)}, "subscription.ended_at"),
            ({"ended_at": at(DAY)}, "subscription.ended_at"),
            ({"request_id": "one"}, "request_id"),
        ],
    )
    def test_what_is_wrong_is_named(
        self, robot: Seller, fields: dict[str, Any], field: str
    ) -> None:
        error = refused(subscribe, robot, **fields)
        assert error.code is grpc.StatusCode.INVALID_ARGUMENT
        assert field in error.violations
        assert not subscriptions(robot, with_ended=True)


class TestRetired:
    def test_nobody_new_can_take_it(self, robot: Seller) -> None:
        upsert(robot, tier("old"))
        for one in ("stays", "leaves", "left"):
            subscribe(robot, one, tier_id="old", started_at=at(DAY))
        subscribe(robot, "elsewhere", started_at=at(DAY))
        subscribe(robot, "left", tier_id="old", ended_at=at(60))
        upsert(robot, tier("old", retired=True))
        for one in ("new", "elsewhere", "left"):
            error = refused(subscribe, robot, one, tier_id="old")
            assert error.code is grpc.StatusCode.FAILED_PRECONDITION, one
            assert "retired" in error.message
        assert not subscribe(robot, "stays", tier_id="old", started_at=at(2 * DAY)).created
        assert subscribe(robot, "leaves").subscription.tier_id == "pro"

    def test_what_has_ended_is_recorded(self, robot: Seller) -> None:
        upsert(robot, tier("old", retired=True))
        answer = subscribe(robot, tier_id="old", started_at=at(2 * DAY), ended_at=at(DAY))
        assert answer.created
        assert refused(subscribe, robot, tier_id="old").code is grpc.StatusCode.FAILED_PRECONDITION


class TestList:
    def test_by_subscription_id_page_by_page(self, robot: Seller) -> None:
        names = ["Zoë", "a", "b-1", "b/2", "c", "10", "9"]
        for one in names:
            subscribe(robot, one)
        whole = subscriptions(robot)
        assert sorted(one.subscription_id for one in whole) == sorted(names)
        for size in (1, 2, 7, 1001):
            assert subscriptions(robot, size) == whole

    def test_by_tier_and_client(self, robot: Seller) -> None:
        upsert(robot, tier("basic"))
        for number in range(8):
            subscribe(
                robot,
                f"s{number}",
                client_id=f"c{number % 3}",
                tier_id=("basic", "pro")[number % 2],
                started_at=at(DAY),
                ended_at=at(60) if number > 5 else None,
            )
        for where, expected in (
            ({}, "0 1 2 3 4 5"),
            ({"with_ended": True}, "0 1 2 3 4 5 6 7"),
            ({"tier_id": "pro"}, "1 3 5"),
            ({"client_id": "c1"}, "1 4"),
            ({"client_id": "c1", "with_ended": True}, "1 4 7"),
            ({"tier_id": "pro", "client_id": "c1", "with_ended": True}, "1 7"),
            ({"tier_id": "pro", "client_id": "c1"}, "1"),
            ({"tier_id": "nothing"}, ""),
        ):
            for size in (0, 1, 2):
                found = [one.subscription_id for one in subscriptions(robot, size, **where)]
                assert found == [f"s{one}" for one in expected.split()], where

    def test_a_token_belongs_to_its_filter(self, robot: Seller) -> None:
        for one in ("a", "b"):
            subscribe(robot, one)
        page = robot.call("ListSubscriptions", pb.ListSubscriptionsRequest(page_size=1))
        request = pb.ListSubscriptionsRequest(page_token=page.next_page_token, tier_id="pro")
        assert refused(robot.call, "ListSubscriptions", request).reason == "INVALID_PAGE_TOKEN"
        below = refused(subscriptions, robot, -1)
        assert "page_size" in below.violations


class TestWalls:
    @pytest.mark.parametrize("subject", ["olga", "adam", "backend"])
    def test_all_but_members_read_and_write(
        self, pricing: Pricing, acme: Organisation, subject: str
    ) -> None:
        seller = pricing.seller(acme, subject)
        assert [subscribe(seller).subscription] == subscriptions(seller)

    def test_members_do_neither(self, pricing: Pricing, acme: Organisation) -> None:
        mia = pricing.seller(acme, "mia")
        for act in (subscribe, subscriptions):
            error = refused(act, mia)
            assert (error.code, error.reason) == (
                grpc.StatusCode.PERMISSION_DENIED,
                "ROLE_NOT_PERMITTED",
            )

    def test_scopes_are_asked_for(self, pricing: Pricing, acme: Organisation) -> None:
        for act, scope in ((subscribe, "subscriptions:read"), (subscriptions, "tiers:read")):
            error = refused(act, pricing.seller(acme, scopes=[scope]))
            assert (error.code, error.reason) == (
                grpc.StatusCode.PERMISSION_DENIED,
                "SCOPE_MISSING",
            )

    def test_a_tier_of_another_organisation_is_none(
        self, pricing: Pricing, robot: Seller, globex: Organisation
    ) -> None:
        theirs = pricing.seller(globex)
        kept = subscribe(robot).subscription
        assert refused(subscribe, theirs) == refused(subscribe, theirs, tier_id="nothing")
        upsert(theirs, tier(price=money(5)))
        assert refused(subscribe, theirs, etag=kept.etag).code is grpc.StatusCode.ABORTED
        assert subscribe(theirs, client_id="akka").created
        assert subscriptions(robot) == [kept]
        assert not subscriptions(theirs, client_id="nils")
