"""A shop that never was: a year of its sales, drawn by a law of demand that is known, seeded.

Its prices moved every few weeks, up and down by turns, so that the data can tell what a price does.
What was paid on a day is what was asked on it; how many bought is drawn around what the law says.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from random import Random

from google.type.money_pb2 import Money

from footfall.events.v1.event_pb2 import REVENUE_KIND_SUBSCRIPTION, Event, Revenue
from footfall.pricing.v1.price_pb2 import (
    BILLING_PERIOD_MONTH,
    CompetitorPrice,
    Subscription,
    Tier,
)
from shared import ids
from shared.money import from_minor

SEED = 1927
DAYS = 365
CURRENCY = "EUR"

_SOURCE = "footfall demo pricing"
_STEPS = (0.8, 0.9, 1.0, 1.12, 1.28)
_BLOCK_DAYS = (14, 24)
_LAST_BLOCK_DAYS = 30
"""So long the price of today has been in force."""
_WEEKEND = 0.8
_RIVALS = ("Alder", "Birch", "Cedar")
_CLIENTS = 400


@dataclass(frozen=True, slots=True)
class Simulated:
    """A tier with the law of its demand."""

    tier_id: str
    name: str
    price_minor: int
    cost_minor: int
    sales_per_day: float
    """At today's price."""
    elasticity: float
    """The truth, which the estimate is to find."""
    subscribers: int


TIERS: Sequence[Simulated] = (
    Simulated("starter", "Starter", 19_00, 2_00, 26.0, -1.6, 120),
    Simulated("pro", "Pro", 49_00, 8_00, 20.0, -0.6, 90),
    Simulated("team", "Team", 99_00, 21_00, 9.0, -1.1, 40),
)


@dataclass(frozen=True, slots=True)
class Sale:
    """One sale: of what, when, for how much."""

    tier: Simulated
    at: datetime
    price_minor: int
    number: int


def sales(tier: Simulated, now: datetime) -> Iterator[Sale]:
    """All of the year before today, the oldest first."""
    chance = Random(f"{SEED}/{tier.tier_id}")  # noqa: S311 - no secret
    today = datetime.combine(now.astimezone(UTC), time(), UTC)
    number = 0
    for ago, step in zip(range(DAYS, 0, -1), _steps(chance), strict=True):
        day, price = today - timedelta(days=ago), round(tier.price_minor * step)
        expected = tier.sales_per_day * (price / tier.price_minor) ** tier.elasticity
        busy = _WEEKEND if day.weekday() >= 5 else 1.0  # noqa: PLR2004 - Saturday
        moments = sorted(chance.random() for _ in range(_poisson(chance, expected * busy)))
        for moment in moments:
            number += 1
            yield Sale(tier, day + timedelta(days=moment), price, number)


def event(sale: Sale) -> Event:
    """As it is ingested: the same one every time."""
    made = Event(type="revenue", client_id=client_id(sale.number), revenue=_revenue(sale))
    made.occurred_at.FromDatetime(sale.at)
    source = sale.tier.tier_id, str(sale.number)
    made.event_id = ids.text(ids.derived_uuid7(made.occurred_at.ToMilliseconds(), _SOURCE, *source))
    return made


def tier(one: Simulated) -> Tier:
    """As pricing is told of it."""
    return Tier(
        tier_id=one.tier_id,
        display_name=one.name,
        description="simulated",
        price=money(one.price_minor),
        billing_period=BILLING_PERIOD_MONTH,
        cost_to_serve=money(one.cost_minor),
    )


def subscriptions(one: Simulated, now: datetime) -> list[Subscription]:
    """Who is on it."""
    found = []
    for number in range(1, one.subscribers + 1):
        made = Subscription(
            subscription_id=f"{one.tier_id}-{number}", client_id=client_id(number),
            tier_id=one.tier_id,
        )  # fmt: skip
        made.started_at.FromDatetime(now - timedelta(days=1 + number % DAYS))
        found.append(made)
    return found


def competitors(one: Simulated, now: datetime) -> list[CompetitorPrice]:
    """What others ask, a little around it."""
    chance = Random(f"{SEED}/rivals/{one.tier_id}")  # noqa: S311 - no secret
    found = []
    for rival in _RIVALS:
        price = money(int(one.price_minor * chance.uniform(0.95, 1.3)) // 100 * 100)
        made = CompetitorPrice(
            competitor=rival, tier_id=one.tier_id, price=price, source="simulated"
        )
        made.observed_at.FromDatetime(now - timedelta(days=chance.randint(1, 60)))
        found.append(made)
    return found


def client_id(number: int) -> str:
    return f"client-{number % _CLIENTS}"


def money(minor: int) -> Money:
    units, nanos = from_minor(minor, CURRENCY)
    return Money(currency_code=CURRENCY, units=units, nanos=nanos)


def _revenue(sale: Sale) -> Revenue:
    return Revenue(
        amount=money(sale.price_minor),
        kind=REVENUE_KIND_SUBSCRIPTION,
        tier=sale.tier.tier_id,
        units=1,
    )


def _steps(chance: Random) -> list[float]:
    """By how much the price of each day differed from today's, for some weeks at a time."""
    steps: list[float] = []
    while len(steps) < DAYS - _LAST_BLOCK_DAYS:
        others = [step for step in _STEPS if not steps or step != steps[-1]]
        steps += [chance.choice(others)] * chance.randint(*_BLOCK_DAYS)
    return [*steps[: DAYS - _LAST_BLOCK_DAYS], *[1.0] * _LAST_BLOCK_DAYS]


def _poisson(chance: Random, expected: float) -> int:
    """So many at random, by Knuth's product of uniform numbers."""
    limit, product, count = math.exp(-expected), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count
