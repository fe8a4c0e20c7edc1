"""PredictDemand on histories with a known truth, and when its statistics die."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from footfall.audit.v1 import audit_pb2
from footfall.events.v1 import event_pb2
from footfall.pricing.v1 import approval_pb2
from footfall.pricing.v1 import evidence_pb2 as pb
from shared.database import Database
from tests.bargaining import Pricing, Seller
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase
from tests.selling import money, refused, tier, upsert
from tests.simulating import LIST_MINOR, World, demand, events, weekly_prices
from tests.storing import event_at, store

DAYS = 150
LIST_PRICE = money(LIST_MINOR // 100)
PER_DAY = 20
TRUTH = World(elasticity=-1.3, per_day=PER_DAY, weekend=0.0, trend=0.0)


@pytest.fixture(scope="module")
async def writer(shared_database: MigratedDatabase) -> AsyncIterator[Database]:
    opened = Database(shared_database.urls["footfall_event_ingest"], application_name="test")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def sold(robot: Seller, acme: Organisation, writer: Database) -> None:
    """A tier for 20 euros, 5 of which it costs, that sold 20 a day."""
    upsert(robot, tier(price=LIST_PRICE, cost_to_serve=money(5)))
    generator = np.random.default_rng(3)
    prices = weekly_prices(generator, DAYS)
    await store(writer, acme, events(prices, demand(generator, TRUTH, prices)))


def predict(seller: Seller, units: int, nanos: int = 0, **fields: Any) -> pb.PredictDemandResponse:
    fields = {"tier_id": "pro", "price": money(units, nanos), **fields}
    answer: pb.PredictDemandResponse = seller.call(
        "PredictDemand", pb.PredictDemandRequest(**fields)
    )
    return answer


def minor(amount: Any) -> int:
    return int(amount.units * 100 + amount.nanos // 10_000_000)


@pytest.mark.usefixtures("sold")
def test_what_sells_lies_about_the_truth(robot: Seller) -> None:
    told = predict(robot, 22)
    expected = 30 * PER_DAY * 1.1**TRUTH.elasticity
    assert not told.insufficient_data, told.reasons
    assert told.units.p10 < told.units.p50 < told.units.p90
    assert 0.8 * expected < told.units.p10 < expected < told.units.p90 < 1.25 * expected
    same = told.units_at_current_price
    assert same.p10 < 30 * PER_DAY < same.p90
    assert told.units.p50 < same.p50
    assert minor(told.revenue.p50) == round(told.units.p50 * 2_200)
    assert minor(told.margin.p50) == round(told.units.p50 * 1_700)
    assert predict(robot, 22) == told, "the same data give the same answer"


@pytest.mark.usefixtures("sold")
def test_the_longer_the_more_and_the_surer_by_day(robot: Seller) -> None:
    month, year = predict(robot, 20), predict(robot, 20, horizon_days=365)
    assert year.units.p50 == pytest.approx(month.units.p50 * 365 / 30, rel=0.03)

    def width(told: pb.PredictDemandResponse) -> float:
        return float((told.units.p90 - told.units.p10) / told.units.p50)

    assert 0 < width(year) < width(month)


@pytest.mark.usefixtures("sold")
def test_nobody_knows_beyond_what_was_seen(robot: Seller) -> None:
    for price in (40, 10):
        told = predict(robot, price)
        assert told.insufficient_data
        assert list(told.reasons) == ["PRICE_BEYOND_EVIDENCE"]
        assert not told.HasField("units")


def test_without_sales_nothing_is_told(robot: Seller) -> None:
    upsert(robot, tier(price=LIST_PRICE))
    told = predict(robot, 22)
    assert told.insufficient_data
    assert list(told.reasons) == ["TOO_FEW_SALES"]
    assert {field.name for field, _ in told.ListFields()} == {
        "insufficient_data",
        "reasons",
        "as_of",
    }


async def test_without_a_cost_there_is_no_margin(
    robot: Seller, acme: Organisation, writer: Database
) -> None:
    upsert(robot, tier(price=LIST_PRICE))
    generator = np.random.default_rng(3)
    prices = weekly_prices(generator, DAYS)
    await store(writer, acme, events(prices, demand(generator, TRUTH, prices)))
    told = predict(robot, 22)
    assert told.HasField("revenue")
    assert not told.HasField("margin")


def test_what_makes_no_sense_is_refused(robot: Seller) -> None:
    upsert(robot, tier(price=LIST_PRICE))
    assert refused(predict, robot, 22, tier_id="none").reason == "NOT_FOUND"
    assert list(refused(predict, robot, 0).violations) == ["price"]
    dollars = money(22, currency="USD")
    assert list(refused(predict, robot, 22, price=dollars).violations) == ["price.currency_code"]


async def test_revenue_is_counted_to_the_minor_unit(
    robot: Seller, ann: Seller, acme: Organisation, writer: Database
) -> None:
    """Also where a float could not hold it."""
    upsert(robot, tier(price=money(20, currency="CLF")))
    paid = money(900_719_925_474, 99_300_000, currency="CLF")  # 2^53 + 1 of the minor unit
    revenue = event_pb2.Revenue(amount=paid, tier="pro", units=1)
    yesterday = datetime.now(UTC) - timedelta(1)
    await store(writer, acme, [event_at(yesterday, "revenue", revenue=revenue)])
    asked = approval_pb2.RequestApprovalRequest(
        request_id=str(uuid4()), tier_id="pro", proposed_price=money(22, currency="CLF"),
        reason="they pay",
    )  # fmt: skip
    made = ann.call("RequestApproval", asked).approval
    assert made.evidence.revenue_30_days == paid
    assert list(made.evidence.insufficient) == [
        "TOO_FEW_DAYS",
        "TOO_FEW_SALES",
        "PRICE_NEVER_VARIED",
    ]


def test_people_are_asked_without_statistics_too(
    robot: Seller, ann: Seller, pricing: Pricing
) -> None:
    """What computes hangs: the evidence says that it is not there, and all else goes on."""
    upsert(robot, tier(price=LIST_PRICE))
    request_id = str(uuid4())
    asked = approval_pb2.RequestApprovalRequest(
        request_id=request_id, tier_id="pro", proposed_price=money(22), reason="to earn more"
    )
    [child] = computing(pricing)
    os.kill(child, signal.SIGSTOP)
    try:
        made = ann.call("RequestApproval", asked).approval
        ann.call("VerifyAuditLog", audit_pb2.VerifyAuditLogRequest())
    finally:
        os.kill(child, signal.SIGCONT)
    assert list(made.evidence.insufficient) == ["STATISTICS_NOT_AVAILABLE"]
    assert made.evidence.change_percent == pytest.approx(10)
    assert not made.evidence.HasField("revenue_30_days")
    assert list(predict(robot, 22).reasons) == ["TOO_FEW_SALES"]


@pytest.mark.usefixtures("sold")
def test_who_dies_computing_is_replaced(robot: Seller, pricing: Pricing) -> None:
    before = predict(robot, 21)
    [child] = computing(pricing)
    os.kill(child, signal.SIGKILL)
    assert predict(robot, 21) == before
    [other] = computing(pricing)
    assert other != child


def computing(pricing: Pricing) -> list[int]:
    """The processes that compute for the service."""
    children = Path(f"/proc/{pricing.process.pid}/task/{pricing.process.pid}/children")
    return [int(pid) for pid in children.read_text().split()]
