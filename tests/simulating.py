"""Histories of sales with a truth that is known: what a regression must find again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from google.type.money_pb2 import Money
from numpy.typing import NDArray

from footfall.events.v1 import event_pb2
from services.pricing.evidence.rules import statistics
from services.pricing.evidence.rules.elasticity import finding
from services.pricing.evidence.rules.estimates import Estimate
from services.pricing.evidence.rules.fitted import Fitted, Own
from services.pricing.evidence.rules.pooling import common
from services.pricing.evidence.rules.posterior import Learnt
from services.pricing.evidence.rules.series import Observed, Sales, Tier
from shared.money import from_minor
from tests.storing import event_at

START = date(2025, 11, 1)
LIST_MINOR = 2_000


@dataclass(frozen=True)
class World:
    """How a tier's demand comes about."""

    elasticity: float = -1.3
    per_day: float = 20.0
    """Units at the list price."""
    noise: float = 0.0
    """Standard deviation of the shocks to the logarithm of demand."""
    persistence: float = 0.0
    """Share of a day's state that the next day inherits."""
    weekend: float = 0.2
    trend: float = 0.2


def weekly_prices(
    generator: np.random.Generator,
    days: int,
    shares: Sequence[float] = (0.85, 0.95, 1.0, 1.1, 1.25),
) -> NDArray[np.float64]:
    """Prices that change each week, by lot."""
    weeks = generator.choice(shares, size=days // 7 + 1)
    return np.repeat(weeks, 7)[:days] * LIST_MINOR


def stepped_prices(
    generator: np.random.Generator, days: int, steps: int = 6
) -> NDArray[np.float64]:
    """Prices that change a few times, at any time, to anything."""
    cuts = np.sort(generator.choice(np.arange(10, days - 10), size=steps - 1, replace=False))
    levels = np.round(generator.uniform(0.75, 1.3, size=steps) * LIST_MINOR)
    chosen: NDArray[np.float64] = levels[np.searchsorted(cuts, np.arange(days), side="right")]
    return chosen


def demand(
    generator: np.random.Generator, world: World, prices: NDArray[np.float64], lift: Any = 0.0
) -> NDArray[np.int64]:
    """Units sold day by day; `lift` is added to the logarithm."""
    days = np.arange(len(prices))
    state = np.zeros(len(prices))
    shocks = generator.normal(scale=world.noise, size=len(prices)) if world.noise else state
    for day, shock in enumerate(shocks):
        state[day] = shock + (world.persistence * state[day - 1] if day else 0.0)
    logarithm = (
        np.log(world.per_day)
        + world.elasticity * np.log(prices / LIST_MINOR)
        + world.weekend * ((days + START.weekday()) % 7 >= 5)
        + world.trend * days / len(days)
        + state
        + lift
    )
    sold: NDArray[np.int64] = generator.poisson(np.exp(logarithm))
    return sold


def sales(
    prices: NDArray[np.float64],
    units: NDArray[np.int64],
    tier_id: str = "pro",
    campaign: Sequence[bool] | None = None,
) -> tuple[Sales, ...]:
    """As the database tells them."""
    return tuple(
        Sales(
            tier_id,
            START + timedelta(day),
            int(sold),
            float(sold * price),
            int(sold) if campaign is not None and campaign[day] else 0,
            0,
        )
        for day, (price, sold) in enumerate(zip(prices, units, strict=True))
        if sold
    )


def observed(
    days: int, *sold: tuple[Sales, ...], tier_ids: Sequence[str] = ("pro",), **others: Any
) -> Observed:
    """All that is known of tiers."""
    fields: dict[str, Any] = {
        "start": START,
        "end": START + timedelta(days),
        "tiers": tuple(Tier(name, "EUR", LIST_MINOR, 500) for name in tier_ids),
        "sales": tuple(sale for one in sold for sale in one),
        "list_prices": (),
        "competitor_prices": (),
        "usage": (),
        **others,
    }
    return Observed(**fields)


def fitted(known: Observed) -> tuple[list[Fitted], list[Own | None]]:
    """What each tier says of itself, and of it what it tells the others."""
    found = statistics.fit(known)
    return found, [one.own for one in found]


def learnt(known: Observed, seed: int = 1) -> dict[str, Learnt]:
    """What is known of every tier, all of them in one piece."""
    return statistics.believe(*fitted(known), seed, datetime(2026, 2, 1, tzinfo=UTC))


def estimated(known: Observed) -> dict[str, Estimate]:
    """The estimates of all tiers."""
    found, owns = fitted(known)
    among = common(owns)
    return {one.tier.tier_id: finding(one, among).estimate for one in found}


def events(
    prices: NDArray[np.float64],
    units: NDArray[np.int64],
    *,
    tier_id: str = "pro",
    currency: str = "EUR",
    until: datetime | None = None,
    campaign: Sequence[bool] | None = None,
) -> list[event_pb2.Event]:
    """The same as events, one a day at noon, the last of them the day before `until`."""
    end = (until or datetime.now(UTC)).replace(hour=12, minute=0, second=0, microsecond=0)
    made = []
    for day, (price, sold) in enumerate(zip(prices, units, strict=True)):
        if not sold:
            continue
        whole, nanos = from_minor(round(float(price)) * int(sold), currency)
        revenue = event_pb2.Revenue(
            amount=Money(currency_code=currency, units=whole, nanos=nanos),
            kind=event_pb2.REVENUE_KIND_PURCHASE,
            tier=tier_id,
            units=int(sold),
            campaign="sale" if campaign is not None and campaign[day] else "",
        )
        made.append(event_at(end - timedelta(len(prices) - day), "revenue", revenue=revenue))
    return made
