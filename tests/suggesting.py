"""Histories of sales with a known elasticity, ingested as any backend's, and prices asked for."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from footfall.events.v1 import event_pb2
from footfall.pricing.v1 import evidence_pb2 as pb
from shared.money import from_minor
from tests.bargaining import Seller
from tests.ingesting import Caller, at, event
from tests.selling import money

DAY = 86_400
PRICES = (800, 900, 1_000, 1_100, 1_200)
"""What the tier cost in turn, in minor units; 1,000 is what it costs today."""
UNITS = 120
DAYS_AT_A_PRICE = 5
PATIENT = 60.0
"""Seconds: the libraries of statistics are imported before the first answer."""


def sell(
    backend: Caller,
    elasticity: float,
    *,
    tier_id: str = "pro",
    currency: str = "EUR",
    days: int = 200,
    prices: Sequence[int] = PRICES,
    seed: int = 7,
) -> None:
    """So many days of sales up to yesterday; a price of 1,000 minor units sells 120 a day.

    The price changes every few days in an order that has nothing to do with time. One event a day:
    the units sold, and what was paid for all of them.
    """
    chance = random.Random(seed)
    price, sold = prices[0], []
    for ago in range(days, 0, -1):
        if ago % DAYS_AT_A_PRICE == 0:
            price = chance.choice(prices)
        mean = UNITS * (price / 1_000) ** elasticity
        units = max(1, round(chance.gauss(mean, mean**0.5)))
        paid = from_minor(units * price, currency)
        sold.append(_revenue(tier_id, ago, units, paid, currency))
    verdicts = set(backend.verdicts(*sold))
    assert verdicts == {"ACCEPTED"}, verdicts


def _revenue(
    tier_id: str, ago: int, units: int, paid: tuple[int, int], currency: str
) -> event_pb2.Event:
    revenue = event_pb2.Revenue(
        amount=money(*paid, currency),
        kind=event_pb2.REVENUE_KIND_PURCHASE,
        tier=tier_id,
        units=units,
    )
    return event("revenue", occurred_at=at(ago * DAY), revenue=revenue)


def suggest(seller: Seller, tier_id: str = "pro", **fields: Any) -> pb.SuggestPriceResponse:
    """The answer to somebody who asks for a price."""
    request = pb.SuggestPriceRequest(tier_id=tier_id, **fields)
    answer: pb.SuggestPriceResponse = seller.call("SuggestPrice", request, timeout=PATIENT)
    return answer
