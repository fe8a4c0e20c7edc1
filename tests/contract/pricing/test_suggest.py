"""SuggestPrice on ingested histories whose true elasticity is known."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from footfall.pricing.v1 import approval_pb2, price_pb2
from footfall.pricing.v1 import evidence_pb2 as pb
from shared.money import from_minor
from tests.bargaining import Pricing, Seller
from tests.ingesting import Caller, Ingest, at, running_ingest
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase
from tests.selling import MONTH, YEAR, Till, audited, money, refused, tier, upsert
from tests.suggesting import DAY, PATIENT, PRICES, sell, suggest

MARGIN, REVENUE = price_pb2.OBJECTIVE_MARGIN, price_pb2.OBJECTIVE_REVENUE


@pytest.fixture(scope="module")
def ingest(shared_database: MigratedDatabase) -> Iterator[Ingest]:
    with running_ingest(shared_database) as running:
        yield running


@pytest.fixture
def backend(ingest: Ingest, acme: Organisation) -> Caller:
    """What tells Footfall of Acme's sales."""
    return ingest.caller(acme)


def names(suggestion: pb.PriceSuggestion) -> set[str]:
    return {risk.name for risk in suggestion.risks}


def test_inelastic_demand_is_suggested_a_higher_price(robot: Seller, backend: Caller) -> None:
    """Truth -0.5: more revenue the higher the price, up to the rail."""
    upsert(robot, tier())
    sell(backend, -0.5)
    answer = suggest(robot)
    made = answer.suggestion
    assert not answer.insufficient_data, answer.reasons
    assert made.elasticity.lower < -0.5 < made.elasticity.upper
    assert (made.current_price, made.suggested_price) == (money(10), money(12, 500_000_000))
    assert list(made.bound_by) == ["max_step"]
    assert (made.objective, made.horizon_days) == (REVENUE, 90)
    assert made.confidence > 0.95
    assert made.revenue_impact.p10.units > 0
    assert not made.HasField("margin_impact")
    assert 0 < made.churn_risk.p10 < 1 - 1.25**-0.5 < made.churn_risk.p90 < 0.3
    assert names(made) == {
        "outside_observed_prices",
        "thin_competitor_data",
        "cost_to_serve_unknown",
        "notice_needed",
    }
    assert made.method_version
    assert made.seed


def test_elastic_demand_is_suggested_the_price_of_the_closed_form(
    robot: Seller, backend: Caller
) -> None:
    """Truth -2.5 at a cost of 5: c·e/(1+e) = 8.33; the belief is near, so the price is."""
    upsert(robot, tier(cost_to_serve=money(5)))
    sell(backend, -2.5)
    made = suggest(robot).suggestion
    believed = made.elasticity.mean
    assert made.elasticity.lower < -2.5 < made.elasticity.upper
    assert made.objective == MARGIN
    suggested = made.suggested_price.units + made.suggested_price.nanos / 1e9
    assert suggested == pytest.approx(5 * believed / (1 + believed), abs=0.15)
    assert suggested == pytest.approx(8.33, abs=0.6)
    assert list(made.bound_by) == []
    assert made.margin_impact.p10.units > 0
    assert made.churn_risk.p90 == 0
    assert names(made) == {"thin_competitor_data"}


@pytest.mark.parametrize(("currency", "period"), [("JPY", MONTH), ("KWD", YEAR)])
def test_every_kind_of_currency_and_period(
    robot: Seller, backend: Caller, currency: str, period: price_pb2.BillingPeriod.ValueType
) -> None:
    price = money(*from_minor(1_000, currency), currency)
    upsert(robot, tier(price=price, billing_period=period))
    sell(backend, -0.5, currency=currency)
    made = suggest(robot).suggestion
    assert made.suggested_price == money(*from_minor(1_250, currency), currency)
    assert made.revenue_impact.p50.currency_code == currency


def test_the_same_data_give_the_same_suggestion(robot: Seller, backend: Caller) -> None:
    upsert(robot, tier(cost_to_serve=money(5)))
    sell(backend, -2.5)
    first, second = suggest(robot).suggestion, suggest(robot).suggestion
    assert first.suggestion_id != second.suggestion_id
    for made in (first, second):
        made.ClearField("suggestion_id")
        made.ClearField("made_at")
    assert first == second


def test_a_price_that_never_varied_says_nothing(robot: Seller, backend: Caller) -> None:
    upsert(robot, tier())
    sell(backend, -0.5, prices=PRICES[2:3])
    answer = suggest(robot)
    assert answer.insufficient_data
    assert "PRICE_NEVER_VARIED" in answer.reasons
    assert not answer.HasField("suggestion")


def test_without_sales_there_is_no_suggestion(robot: Seller, acme: Organisation) -> None:
    upsert(robot, tier())
    answer = suggest(robot)
    assert (answer.insufficient_data, answer.HasField("suggestion")) == (True, False)
    assert answer.reasons
    assert audited(acme)[-1][0] == "tier.create"


def test_a_price_that_is_best_already_is_left_alone(robot: Seller, backend: Caller) -> None:
    """Truth -2 at a cost of 5: today's 10 is the optimum, and nothing beats it for certain."""
    upsert(robot, tier(cost_to_serve=money(5)))
    sell(backend, -2.0)
    answer = suggest(robot)
    assert not answer.HasField("suggestion")
    assert list(answer.reasons) == ["CONFIDENCE_BELOW_MINIMUM"]
    assert answer.insufficient_data


def test_guard_rails_bind(
    robot: Seller, pricing: Pricing, acme: Organisation, backend: Caller
) -> None:
    upsert(robot, tier(value_metrics=[metric(2, 11.6)]))
    sell(backend, -0.5)
    made = suggest(robot).suggestion
    assert (made.suggested_price, list(made.bound_by)) == (money(11, 600_000_000), ["value_high"])
    assert (made.value_bounds.low, made.value_bounds.high) == (money(2), money(11, 600_000_000))
    adam = pricing.seller(acme, "adam")
    update(adam, max_step_percent=11.5, rounding=money(0, 250_000_000), min_confidence=0.6)
    made = suggest(robot).suggestion
    assert (made.suggested_price, list(made.bound_by)) == (money(11), ["max_step"])


def test_a_change_that_waits_is_named(robot: Seller, backend: Caller, acme: Organisation) -> None:
    upsert(robot, tier())
    sell(backend, -0.5)
    with Till.open(acme) as till:
        till.agree(1_100)
    assert "change_pending" in names(suggest(robot).suggestion)


def test_guard_rails_that_leave_no_price_are_named(robot: Seller, backend: Caller) -> None:
    upsert(robot, tier(floor_price=money(15)))
    sell(backend, -0.5)
    answer = suggest(robot)
    assert list(answer.reasons) == ["GUARD_RAILS_CONTRADICT: floor_price, max_step"]
    assert (answer.insufficient_data, answer.HasField("suggestion")) == (False, False)


def test_competitors_hold_a_price_with_what_they_asked_last(robot: Seller, backend: Caller) -> None:
    """The median of 7, 7.60 and 9 and 50 % make 11.40: what is old, or was asked before, is out."""
    upsert(robot, tier())
    sell(backend, -0.5)
    seen = [("A", "", 3, 7), ("A", "", 9, 99), ("A", "team", 1, 9), ("B", "", 100, 7.6)]
    for competitor, offer, days, price in [*seen, ("C", "", 181, 50)]:
        find = price_pb2.CompetitorPrice(
            competitor=competitor,
            offer=offer,
            tier_id="pro",
            price=euros(price),
            observed_at=at(days * DAY),
            source="their site",
        )
        robot.call(
            "RecordCompetitorPrice", price_pb2.RecordCompetitorPriceRequest(competitor_price=find)
        )
    made = suggest(robot).suggestion
    assert (made.suggested_price, list(made.bound_by)) == (euros(11.4), ["above_competitors"])
    assert made.competitor_position == pb.CompetitorPosition(
        competitors=3, lowest=euros(7), median=euros(7.6), highest=euros(9), cheaper=3
    )
    assert "thin_competitor_data" not in names(made)


def test_a_repeat_gets_the_first_answer_and_keeps_one(
    robot: Seller, backend: Caller, acme: Organisation
) -> None:
    upsert(robot, tier())
    sell(backend, -0.5)
    request_id = str(uuid.uuid4())
    first = suggest(robot, request_id=request_id)
    assert suggest(robot, request_id=request_id) == first
    entries = [entry for entry in audited(acme) if entry[0] == "suggestion.make"]
    [(_, target, details)] = entries
    assert target == first.suggestion.suggestion_id
    assert (details["tier_id"], details["current_minor"], details["suggested_minor"]) == (
        "pro",
        1_000,
        1_250,
    )
    again = refused(suggest, robot, request_id=request_id, horizon_days=30)
    assert again.reason == "REQUEST_ID_REUSED"


def test_an_approval_is_asked_for_with_the_evidence_of_a_suggestion(
    robot: Seller, backend: Caller
) -> None:
    upsert(robot, tier())
    sell(backend, -0.5)
    made = suggest(robot).suggestion
    request = approval_pb2.RequestApprovalRequest(
        tier_id="pro",
        proposed_price=made.suggested_price,
        suggestion_id=made.suggestion_id,
        reason="It promises more.",
    )
    approval = robot.call("RequestApproval", request, timeout=PATIENT).approval
    assert approval.suggestion_id == made.suggestion_id
    assert approval.evidence.confidence == made.confidence
    assert approval.evidence.churn_risk == made.churn_risk


def test_an_unknown_tier_is_not_found(robot: Seller) -> None:
    found = refused(suggest, robot, "nothing")
    assert (found.code, found.metadata) == (grpc.StatusCode.NOT_FOUND, {"resource": "tier"})


def test_a_member_asks_in_vain(pricing: Pricing, acme: Organisation) -> None:
    mia = pricing.seller(acme, "mia")
    assert refused(suggest, mia).code is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("horizon_days", {"horizon_days": 366}),
        ("objective", {"objective": 7}),
        ("tier_id", {"tier_id": ""}),
        ("request_id", {"request_id": "once"}),
    ],
)
def test_what_makes_no_sense_is_refused(robot: Seller, field: str, fields: dict[str, Any]) -> None:
    assert set(refused(suggest, robot, **fields).violations) == {field}


def euros(amount: float) -> Any:
    return money(*from_minor(round(amount * 100), "EUR"))


def metric(low: float, high: float) -> price_pb2.ValueMetric:
    return price_pb2.ValueMetric(
        name="seats", low_value=euros(low), high_value=euros(high), usual_units=1
    )


def update(seller: Seller, **fields: Any) -> None:
    known = seller.call("GetPricingSettings", pb.GetPricingSettingsRequest()).settings
    wanted = pb.PricingSettings(etag=known.etag, **fields)
    seller.call("UpdatePricingSettings", pb.UpdatePricingSettingsRequest(settings=wanted))
