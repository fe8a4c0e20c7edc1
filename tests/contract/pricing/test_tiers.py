"""UpsertTier, GetTier and ListTiers."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from footfall.pricing.v1 import price_pb2 as pb
from tests.bargaining import Pricing, Seller, age
from tests.organisations import Organisation
from tests.selling import MONTH, YEAR, Till, audited, get, money, pages, refused, tier, upsert

METRICS = [
    pb.ValueMetric(
        name="active_users", low_value=money(2), high_value=money(3, 500_000_000), usual_units=12.5
    ),
    pb.ValueMetric(name="reports", low_value=money(0), high_value=money(0), usual_units=0),
]
WHOLE: dict[str, Any] = {
    "display_name": "Pro",
    "description": "All of it",
    "price": money(49, 990_000_000),
    "billing_period": YEAR,
    "value_metrics": METRICS,
    "cost_to_serve": money(7, 10_000_000),
    "floor_price": money(30),
}


@pytest.fixture
def till(acme: Organisation) -> Iterator[Till]:
    with Till.open(acme) as till:
        yield till


def said(kept: pb.Tier) -> pb.Tier:
    """What callers said of it."""
    copy = pb.Tier()
    copy.CopyFrom(kept)
    copy.ClearField("etag")
    copy.ClearField("price_version")
    copy.ClearField("created_at")
    copy.ClearField("updated_at")
    return copy


class TestUpsert:
    def test_all_of_it_is_kept(self, robot: Seller) -> None:
        answer = upsert(robot, tier(**WHOLE))
        assert answer.created
        kept = answer.tier
        assert kept == get(robot).tier
        assert said(kept) == tier(**WHOLE)
        assert kept.etag
        assert kept.price_version == 1
        assert kept.created_at == kept.updated_at
        [price] = get(robot).prices
        assert (price.tier_id, price.version, price.price) == ("pro", 1, WHOLE["price"])
        assert not price.HasField("valid_to")
        assert price.price_change_id == ""

    def test_all_but_the_price_is_replaced(self, robot: Seller) -> None:
        first = upsert(robot, tier(**WHOLE)).tier
        answer = upsert(robot, pb.Tier(tier_id="pro", display_name="Professional", retired=True))
        assert not answer.created
        second = answer.tier
        assert second == get(robot).tier
        assert said(second) == pb.Tier(
            tier_id="pro",
            display_name="Professional",
            price=WHOLE["price"],
            billing_period=YEAR,
            retired=True,
        )
        assert second.etag != first.etag
        assert second.created_at == first.created_at
        assert second.updated_at.ToNanoseconds() > first.updated_at.ToNanoseconds()

    def test_the_same_again_changes_nothing(self, robot: Seller, acme: Organisation) -> None:
        first = upsert(robot, tier(**WHOLE))
        again = upsert(robot, first.tier)
        assert again.tier == first.tier
        assert not again.created
        assert len(audited(acme)) == 1

    def test_the_first_needs_a_price(self, robot: Seller) -> None:
        error = refused(upsert, robot, pb.Tier(tier_id="pro", billing_period=MONTH))
        assert error.code is grpc.StatusCode.INVALID_ARGUMENT
        assert list(error.violations) == ["tier.price"]
        assert refused(get, robot).code is grpc.StatusCode.NOT_FOUND

    def test_it_is_paid_by_the_month_unless_said_otherwise(self, robot: Seller) -> None:
        assert upsert(robot, pb.Tier(tier_id="pro", price=money(1))).tier.billing_period == MONTH

    def test_a_free_tier_is_one(self, robot: Seller) -> None:
        assert upsert(robot, tier(price=money(0))).tier.price == money(0)

    @pytest.mark.parametrize(
        "change",
        [
            {"price": money(10, 10_000_000)},
            {"price": money(9)},
            {"price": money(0)},
        ],
    )
    def test_another_price_needs_approval(self, robot: Seller, change: dict[str, Any]) -> None:
        kept = upsert(robot, tier()).tier
        error = refused(upsert, robot, tier(display_name="cheaper", **change))
        assert error.code is grpc.StatusCode.FAILED_PRECONDITION
        assert error.reason == "PRICE_NEEDS_APPROVAL"
        assert "RequestApproval" in error.message
        assert get(robot).tier == kept

    @pytest.mark.parametrize(
        "change",
        [
            {"price": money(10, currency="USD")},
            {"price": None, "floor_price": money(1, currency="USD")},
            {"price": None, "cost_to_serve": money(1, currency="JPY")},
            {"billing_period": YEAR},
        ],
    )
    def test_currency_and_period_stay(self, robot: Seller, change: dict[str, Any]) -> None:
        kept = upsert(robot, tier()).tier
        error = refused(upsert, robot, tier(**change))
        assert error.code is grpc.StatusCode.FAILED_PRECONDITION
        assert error.reason == "FAILED_PRECONDITION"
        assert get(robot).tier == kept

    def test_a_stale_etag_is_aborted(self, robot: Seller) -> None:
        first = upsert(robot, tier(display_name="one")).tier
        second = upsert(robot, tier(display_name="two", etag=first.etag)).tier
        error = refused(upsert, robot, tier(display_name="three", etag=first.etag))
        assert (error.code, error.reason) == (grpc.StatusCode.ABORTED, "STALE_ETAG")
        assert get(robot).tier == second
        unknown = refused(upsert, robot, tier("other", etag=first.etag))
        assert unknown.code is grpc.StatusCode.ABORTED

    def test_a_change_of_the_price_makes_an_etag_stale(self, robot: Seller, till: Till) -> None:
        first = upsert(robot, tier()).tier
        till.apply(till.agree(900))
        second = get(robot).tier
        assert second.etag != first.etag
        assert second.updated_at.ToNanoseconds() > first.updated_at.ToNanoseconds()
        assert refused(upsert, robot, first).code is grpc.StatusCode.ABORTED
        first.etag = ""
        assert refused(upsert, robot, first).reason == "PRICE_NEEDS_APPROVAL"
        assert upsert(robot, second).tier == second

    def test_a_repeat_gets_the_first_answer(self, robot: Seller) -> None:
        request_id = str(uuid.uuid4())
        first = upsert(robot, tier(display_name="one"), request_id)
        upsert(robot, tier(display_name="two"))
        assert upsert(robot, tier(display_name="one"), request_id) == first
        assert get(robot).tier.display_name == "two"
        error = refused(upsert, robot, tier(display_name="three"), request_id)
        assert (error.code, error.reason) == (
            grpc.StatusCode.ALREADY_EXISTS,
            "REQUEST_ID_REUSED",
        )

    def test_it_is_audited(self, robot: Seller, acme: Organisation) -> None:
        upsert(robot, tier(**WHOLE))
        upsert(robot, tier(**WHOLE | {"floor_price": money(31), "value_metrics": METRICS[:1]}))
        refused(upsert, robot, tier(price=money(1)))
        (made, target, details), (changed, other, what) = audited(acme)
        assert (made, target, changed, other) == ("tier.create", "pro", "tier.update", "pro")
        assert (details["amount_minor"], details["currency"]) == (4999, "EUR")
        assert (details["billing_period"], details["tier"]["floor_minor"]) == (YEAR, 3000)
        kept = [
            {"name": "active_users", "low_minor": 200, "high_minor": 350, "usual_units": 12.5},
            {"name": "reports", "low_minor": 0, "high_minor": 0, "usual_units": 0.0},
        ]
        assert what["changed"] == {
            "floor_minor": [3000, 3100],
            "value_metrics": [kept, kept[:1]],
        }

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"tier_id": ""}, "tier.tier_id"),
            ({"tier_id": "x" * 129}, "tier.tier_id"),
            ({"tier_id": "a\0b"}, "tier.tier_id"),
            ({"display_name": "x" * 257}, "tier.display_name"),
            ({"description": "x" * 4001}, "tier.description"),
            ({"billing_period": 9}, "tier.billing_period"),
            ({"etag": "x" * 65}, "tier.etag"),
            ({"cost_to_serve": money(1, currency="USD")}, "tier.cost_to_serve.currency_code"),
            ({"floor_price": money(1, 1)}, "tier.floor_price.nanos"),
            ({"value_metrics": [pb.ValueMetric(name="a")]}, "tier.value_metrics[0].low_value"),
            (
                {"value_metrics": [METRICS[0], pb.ValueMetric(
                    name="a", low_value=money(2), high_value=money(1))]},
                "tier.value_metrics[1].high_value",
            ),
            (
                {"value_metrics": [pb.ValueMetric(
                    name="a", low_value=money(1), high_value=money(1), usual_units=math.inf)]},
                "tier.value_metrics[0].usual_units",
            ),
            ({"value_metrics": [METRICS[0], METRICS[0]]}, "tier.value_metrics"),
            ({"value_metrics": METRICS * 6}, "tier.value_metrics"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_named(
        self, robot: Seller, fields: dict[str, Any], field: str
    ) -> None:
        error = refused(upsert, robot, tier(**fields))
        assert error.code is grpc.StatusCode.INVALID_ARGUMENT
        assert field in error.violations
        assert not pages(robot, "ListTiers", pb.ListTiersRequest())

    def test_a_request_id_is_a_uuid(self, robot: Seller) -> None:
        assert "request_id" in refused(upsert, robot, tier(), "one").violations
        assert "tier" in refused(robot.call, "UpsertTier", pb.UpsertTierRequest()).violations

    @pytest.mark.parametrize("units", [0.1, 1e16, 1e300, 5e-324, 2**53 + 2.0])
    def test_units_are_kept_to_the_last_bit(self, robot: Seller, units: float) -> None:
        metric = pb.ValueMetric(
            name="calls", low_value=money(1), high_value=money(1), usual_units=units
        )
        upsert(robot, tier(value_metrics=[metric]))
        assert get(robot).tier.value_metrics[0].usual_units == units
        assert not upsert(robot, tier(value_metrics=[metric])).created


class TestGet:
    def test_prices_come_the_latest_first(
        self, robot: Seller, till: Till, acme: Organisation
    ) -> None:
        upsert(robot, tier())
        change = till.agree(900)
        till.apply(change)
        dearer = till.agree(1200)
        age(acme.database, acme.org_id, days=31)
        till.apply(dearer)
        answer = get(robot)
        assert (answer.tier.price, answer.tier.price_version) == (money(12), 3)
        assert [(one.version, one.price) for one in answer.prices] == [
            (3, money(12)),
            (2, money(9)),
            (1, money(10)),
        ]
        assert [one.price_change_id for one in answer.prices] == [str(dearer), str(change), ""]
        assert [one.valid_to for one in answer.prices[1:]] == [
            one.valid_from for one in answer.prices[:-1]
        ]
        assert not answer.prices[0].HasField("valid_to")

    def test_at_most_a_hundred(self, robot: Seller, till: Till) -> None:
        upsert(robot, tier())
        for number in range(101):
            till.apply(till.agree(999 - number))
        answer = get(robot)
        assert [one.version for one in answer.prices] == list(range(102, 2, -1))
        assert answer.tier.price == answer.prices[0].price

    def test_one_that_there_is_not(self, robot: Seller) -> None:
        error = refused(get, robot, "nothing")
        assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
        assert refused(get, robot, "").code is grpc.StatusCode.INVALID_ARGUMENT


class TestList:
    def test_by_tier_id_page_by_page(self, robot: Seller) -> None:
        names = ["Zoë", "a", "b-1", "b/2", "c", "10", "9"]
        for one in names:
            upsert(robot, tier(one))
        whole = pages(robot, "ListTiers", pb.ListTiersRequest())
        assert sorted(one.tier_id for one in whole) == sorted(names)
        for size in (1, 2, 7, 1001):
            assert pages(robot, "ListTiers", pb.ListTiersRequest(), size) == whole
        assert whole[0] == get(robot, whole[0].tier_id).tier

    def test_retired_ones_when_they_are_asked_for(self, robot: Seller) -> None:
        for number in range(6):
            upsert(robot, tier(f"t{number}", retired=number % 2 == 0))
        current, every = pb.ListTiersRequest(), pb.ListTiersRequest(with_retired=True)
        assert [one.tier_id for one in pages(robot, "ListTiers", current, 2)] == ["t1", "t3", "t5"]
        assert len(pages(robot, "ListTiers", every, 4)) == 6

    def test_a_page_fits_into_a_message(self, robot: Seller) -> None:
        for number in range(260):
            upsert(robot, tier(f"t{number}", description="\N{GRINNING FACE}" * 4000))
        first = robot.call("ListTiers", pb.ListTiersRequest(page_size=1000))
        assert first.next_page_token
        assert len(robot.call("ListTiers", pb.ListTiersRequest()).tiers) == 50
        assert len(pages(robot, "ListTiers", pb.ListTiersRequest(), 1000)) == 260

    def test_a_token_belongs_to_its_filter(self, robot: Seller) -> None:
        for one in ("a", "b"):
            upsert(robot, tier(one))
        page = robot.call("ListTiers", pb.ListTiersRequest(page_size=1))
        request = pb.ListTiersRequest(page_token=page.next_page_token, with_retired=True)
        assert refused(robot.call, "ListTiers", request).reason == "INVALID_PAGE_TOKEN"
        below = refused(robot.call, "ListTiers", pb.ListTiersRequest(page_size=-1))
        assert "page_size" in below.violations


class TestWalls:
    @pytest.mark.parametrize("subject", ["olga", "adam", "backend"])
    def test_all_but_members_read_and_write(
        self, pricing: Pricing, acme: Organisation, subject: str
    ) -> None:
        seller = pricing.seller(acme, subject)
        kept = upsert(seller, tier()).tier
        assert get(seller).tier == kept
        assert pages(seller, "ListTiers", pb.ListTiersRequest()) == [kept]

    @pytest.mark.parametrize(
        ("method", "request_"),
        [
            ("UpsertTier", pb.UpsertTierRequest(tier=tier())),
            ("GetTier", pb.GetTierRequest(tier_id="pro")),
            ("ListTiers", pb.ListTiersRequest()),
        ],
    )
    def test_members_do_neither(
        self, pricing: Pricing, acme: Organisation, robot: Seller, method: str, request_: Any
    ) -> None:
        upsert(robot, tier())
        error = refused(pricing.seller(acme, "mia").call, method, request_)
        assert (error.code, error.reason) == (
            grpc.StatusCode.PERMISSION_DENIED,
            "ROLE_NOT_PERMITTED",
        )

    @pytest.mark.parametrize(
        ("scope", "method", "request_"),
        [
            ("tiers:write", "GetTier", pb.GetTierRequest(tier_id="pro")),
            ("tiers:write", "ListTiers", pb.ListTiersRequest()),
            ("tiers:read", "UpsertTier", pb.UpsertTierRequest(tier=tier())),
        ],
    )
    def test_scopes_are_asked_for(
        self, pricing: Pricing, acme: Organisation, scope: str, method: str, request_: Any
    ) -> None:
        error = refused(pricing.seller(acme, scopes=[scope]).call, method, request_)
        assert (error.code, error.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")

    def test_a_tier_of_another_organisation_is_none(
        self, pricing: Pricing, acme: Organisation, globex: Organisation
    ) -> None:
        ours, theirs = pricing.seller(acme), pricing.seller(globex)
        kept = upsert(ours, tier(**WHOLE)).tier
        assert refused(get, theirs) == refused(get, theirs, "nobody")
        assert not pages(theirs, "ListTiers", pb.ListTiersRequest())
        assert refused(upsert, theirs, tier(etag=kept.etag)).code is grpc.StatusCode.ABORTED
        assert upsert(theirs, tier(price=money(1))).created
        assert get(ours).tier == kept
