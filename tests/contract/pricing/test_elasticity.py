"""EstimateElasticity on events that are stored as event-ingest stores them, with a known truth."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from footfall.events.v1 import event_pb2
from footfall.pricing.v1 import evidence_pb2 as pb
from footfall.pricing.v1 import price_pb2
from shared.database import Database
from tests.bargaining import Pricing, Seller, age
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase
from tests.selling import money, refused, subscribe, tier, upsert
from tests.simulating import LIST_MINOR, World, demand, events, weekly_prices
from tests.storing import event_at, store

DAYS = 150
LIST_PRICE = money(LIST_MINOR // 100)


@pytest.fixture(scope="module")
async def writer(shared_database: MigratedDatabase) -> AsyncIterator[Database]:
    opened = Database(shared_database.urls["footfall_event_ingest"], application_name="test")
    await opened.open()
    yield opened
    await opened.close()


def estimates(seller: Seller, **fields: Any) -> list[pb.Elasticity]:
    request = pb.EstimateElasticityRequest(**fields)
    answer: pb.EstimateElasticityResponse = seller.call("EstimateElasticity", request)
    return list(answer.elasticities)


def history(seed: int = 1, elasticity: float = -1.3, days: int = DAYS, **fields: Any) -> list[Any]:
    generator = np.random.default_rng(seed)
    prices = weekly_prices(generator, days)
    units = demand(generator, World(elasticity=elasticity), prices)
    return events(prices, units, **fields)


async def test_the_interval_holds_the_truth(
    robot: Seller, acme: Organisation, writer: Database
) -> None:
    upsert(robot, tier(price=LIST_PRICE))
    await store(writer, acme, history())
    [found] = estimates(robot)
    assert not found.insufficient_data, found.reasons
    assert found.tier_id == "pro"
    assert found.lower < -1.3 < found.upper
    assert found.upper - found.lower < 1.0
    assert found.lower < found.mean < found.upper
    assert 0.9 < found.own_weight < 1
    told = found.diagnostics
    assert (told.observations, told.distinct_prices, told.promotion_days) == (DAYS, 5, 0)
    assert 0.05 < told.log_variation < 0.3
    assert 0.1 < told.r_squared < 1
    assert -0.3 < told.autocorrelation < 0.3
    assert told.newey_west_lags == 16
    assert 0.05 < told.standard_error < 0.3
    assert not told.HasField("competitor_effect")
    assert not told.HasField("usage_elasticity")
    assert estimates(robot, tier_id="pro") == [found]


async def test_tiers_lend_each_other_what_they_know(
    robot: Seller, acme: Organisation, writer: Database
) -> None:
    for name, days, seed in (("big", 300, 1), ("small", 60, 2)):
        upsert(robot, tier(name, price=LIST_PRICE))
        await store(writer, acme, history(seed, days=days, tier_id=name))
    big, small = estimates(robot)
    assert (big.tier_id, small.tier_id) == ("big", "small")
    assert [*big.reasons, *small.reasons] == []
    assert 0.3 < small.own_weight < 0.8 < big.own_weight < 1


async def test_events_of_others_do_not_count(
    robot: Seller, pricing: Pricing, acme: Organisation, globex: Organisation, writer: Database
) -> None:
    """Nor do those of another tier, or in another currency."""
    stranger = pricing.seller(globex)
    for seller in (robot, stranger):
        upsert(seller, tier(price=LIST_PRICE))
    await store(writer, globex, history())
    await store(writer, acme, history(currency="USD") + history(tier_id="else"))
    [mine], [theirs] = estimates(robot), estimates(stranger)
    assert mine.insufficient_data
    assert list(mine.reasons) == ["TOO_FEW_SALES"]
    assert mine.diagnostics.observations == 0
    assert theirs.diagnostics.observations == DAYS
    assert not theirs.insufficient_data


async def test_each_kind_of_revenue_is_demand_or_is_not(
    robot: Seller, acme: Organisation, writer: Database
) -> None:
    """What is bought, goes on or grows is; what shrinks, ends or is given back is not."""
    for kind in event_pb2.RevenueKind.values():
        upsert(robot, tier(f"kind-{kind}", price=LIST_PRICE))
        sold = history(days=30, tier_id=f"kind-{kind}")
        for event in sold:
            event.revenue.kind = kind
        await store(writer, acme, sold)
    counted = {one.tier_id: one.diagnostics.observations for one in estimates(robot)}
    assert {int(name[5:]) for name, days in counted.items() if days} == {
        event_pb2.REVENUE_KIND_UNSPECIFIED,
        event_pb2.REVENUE_KIND_PURCHASE,
        event_pb2.REVENUE_KIND_SUBSCRIPTION,
        event_pb2.REVENUE_KIND_RENEWAL,
        event_pb2.REVENUE_KIND_EXPANSION,
    }
    assert len(counted) == len(event_pb2.RevenueKind.values())


async def test_many_tiers_are_learnt_in_pieces(
    robot: Seller, acme: Organisation, writer: Database
) -> None:
    names = [f"t{number:02}" for number in range(27)]
    for name in names:
        upsert(robot, tier(name, price=LIST_PRICE))
    for name in (names[0], names[-1]):
        await store(writer, acme, history(tier_id=name))
    found = estimates(robot)
    assert [one.tier_id for one in found] == names
    assert [one.tier_id for one in found if not one.insufficient_data] == [names[0], names[-1]]
    assert found[0].own_weight < 1, "one has its part of what the other knows"
    assert found[0].mean == pytest.approx(found[-1].mean)


async def test_a_price_that_never_varied_tells_nothing(
    robot: Seller, acme: Organisation, writer: Database
) -> None:
    upsert(robot, tier(price=LIST_PRICE))
    prices = np.full(DAYS, float(LIST_MINOR))
    await store(writer, acme, events(prices, demand(np.random.default_rng(1), World(), prices)))
    [found] = estimates(robot)
    assert found.insufficient_data
    assert list(found.reasons) == ["PRICE_NEVER_VARIED"]
    assert found.own_weight == 0
    assert found.lower < -4, "the prior is wide"
    assert found.upper > 1


async def test_a_price_that_falls_under_promotion_alone_tells_nothing(
    robot: Seller, acme: Organisation, shared_database: MigratedDatabase, writer: Database
) -> None:
    upsert(robot, tier(price=LIST_PRICE))
    age(shared_database, acme.org_id, days=DAYS + 1)
    promoted = np.arange(DAYS) % 21 >= 16
    prices = np.where(promoted, 0.8, 1.0) * LIST_MINOR
    units = demand(np.random.default_rng(1), World(), prices, lift=0.4 * promoted)
    await store(writer, acme, events(prices, units))
    [found] = estimates(robot)
    assert list(found.reasons) == ["PROMOTION_CONFOUNDED"]
    assert found.diagnostics.promotion_days == promoted.sum()


async def test_competitors_count(robot: Seller, acme: Organisation, writer: Database) -> None:
    """They move demand, and with the price: left out, they would be taken for its effect."""
    upsert(robot, tier(price=LIST_PRICE))
    generator = np.random.default_rng(4)
    prices = weekly_prices(generator, DAYS)
    asked = np.round(LIST_MINOR * (prices / LIST_MINOR) ** 0.5 * np.repeat(
        generator.choice([0.9, 1.0, 1.1], size=DAYS // 7 + 1), 7)[:DAYS])  # fmt: skip
    units = demand(generator, World(), prices, lift=0.8 * np.log(asked / LIST_MINOR))
    await store(writer, acme, events(prices, units))
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    for day in range(0, DAYS, 7):
        seen = price_pb2.CompetitorPrice(
            tier_id="pro", competitor="Initech", offer="Gold", source="their page",
            price=money(int(asked[day]) // 100, int(asked[day]) % 100 * 10_000_000),
        )  # fmt: skip
        seen.observed_at.FromDatetime(noon - timedelta(DAYS - day))
        robot.call(
            "RecordCompetitorPrice", price_pb2.RecordCompetitorPriceRequest(competitor_price=seen)
        )
    [found] = estimates(robot)
    assert not found.insufficient_data, found.reasons
    assert found.lower < -1.3 < found.upper
    assert 0.3 < found.diagnostics.competitor_effect < 1.3


async def test_usage_is_a_second_measure_of_demand(
    robot: Seller, acme: Organisation, shared_database: MigratedDatabase, writer: Database
) -> None:
    upsert(robot, tier(price=LIST_PRICE))
    subscribe(robot)
    age(shared_database, acme.org_id, days=DAYS + 1)
    sold = history()
    await store(writer, acme, sold)
    for event in sold:  # a dearer day is used less, by an elasticity of -1
        amount = event.revenue.amount
        price = (amount.units + amount.nanos / 1e9) / event.revenue.units
        shared_database.execute(
            "INSERT INTO app.client_day (org_id, day, client_id, events, high_impact,"
            " feature_uses, voice_generations, reports, abandonments, cost_nanos, first_at,"
            " last_at) VALUES (%s, %s, 'nils', %s, 0, 0, 0, 0, 0, 0, %s, %s)",
            acme.org_id, event.occurred_at.ToDatetime(), round(20_000 / price),
            event.occurred_at.ToDatetime(UTC), event.occurred_at.ToDatetime(UTC),
        )  # fmt: skip
    [found] = estimates(robot)
    assert found.diagnostics.usage_elasticity == pytest.approx(-1, abs=0.05)


async def test_the_past_is_asked_for_as_it_was(
    robot: Seller, acme: Organisation, writer: Database
) -> None:
    upsert(robot, tier(price=LIST_PRICE))
    await store(writer, acme, history())
    request = pb.EstimateElasticityRequest(days=30)
    request.as_of.FromDatetime(datetime.now(UTC) - timedelta(100))
    answer = robot.call("EstimateElasticity", request)
    assert answer.as_of == request.as_of
    [found] = answer.elasticities
    assert found.diagnostics.observations == 30
    assert robot.call("EstimateElasticity", request) == answer


async def test_days_are_those_of_the_organisation(
    robot: Seller, acme: Organisation, shared_database: MigratedDatabase, writer: Database
) -> None:
    """Half an hour before midnight in London is the next morning in Tokyo."""
    shared_database.execute(
        "UPDATE app.organisations SET time_zone = 'Asia/Tokyo' WHERE org_id = %s", acme.org_id
    )
    upsert(robot, tier(price=LIST_PRICE))
    as_of = datetime(2026, 6, 20, 12, tzinfo=UTC)
    late = [
        event_at(datetime(2026, 6, day, 23, 30, tzinfo=UTC), "revenue", revenue=one.revenue)
        for day, one in enumerate(history(days=10), 1)
    ]
    await store(writer, acme, late)
    request = pb.EstimateElasticityRequest(days=30)
    request.as_of.FromDatetime(as_of)
    [found] = robot.call("EstimateElasticity", request).elasticities
    assert found.diagnostics.observations == 18, "from the 2nd of June to the 19th"


def test_what_makes_no_sense_is_refused(robot: Seller) -> None:
    upsert(robot, tier(price=LIST_PRICE))
    assert list(refused(estimates, robot, days=29).violations) == ["days"]
    tomorrow = pb.EstimateElasticityRequest()
    tomorrow.as_of.FromDatetime(datetime.now(UTC) + timedelta(1))
    failure = refused(robot.call, "EstimateElasticity", tomorrow)
    assert list(failure.violations) == ["as_of"]
    assert refused(estimates, robot, tier_id="none").reason == "NOT_FOUND"
