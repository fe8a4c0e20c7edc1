"""What was observed of a tier, day by day: units sold, the price paid, and what else moved demand.

A day is one of the organisation's time zone. Prices are in minor units, and averages have parts.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from statistics import median
from typing import TypeVar

CLEARLY_BELOW = 0.98
"""Under this share of the list price it is a promotion; closer is rounding."""
_USUAL = 0.8
"""What is paid on more days than this share is the price, whatever the list says."""
_AROUND = 28
"""Days before and after, in which the regular price is looked for where no list price is known."""
_SEEN_DAYS = 180
"""For so long a competitor's price is taken to hold after it was seen."""
_COVERED = 0.8
"""Share of the days on which competitors must be known for their prices to count."""


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier, and its price of today."""

    tier_id: str
    currency: str
    price_minor: int | None
    cost_minor: int | None


@dataclass(frozen=True, slots=True)
class Sales:
    """What a tier sold on a day at about one price."""

    tier_id: str
    day: date
    units: int
    amount_minor: float
    campaign_units: int
    """Of them, those that a campaign brought."""
    renewed_units: int
    """Of them, those of subscriptions that go on or grow: they may pay an older price."""


@dataclass(frozen=True, slots=True)
class ListPrice:
    """A price in force, from a day on and until another."""

    tier_id: str
    amount_minor: int
    since: date
    until: date | None


@dataclass(frozen=True, slots=True)
class CompetitorPrice:
    """What a competitor asked on a day."""

    tier_id: str
    competitor: str
    day: date
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What the subscribers of a tier did on a day."""

    tier_id: str
    day: date
    events: int
    subscribers: int


Row = TypeVar("Row", Sales, ListPrice, CompetitorPrice, Usage)


@dataclass(frozen=True, slots=True)
class Observed:
    """All that is known of an organisation's tiers, for days from `start` until before `end`."""

    start: date
    end: date
    tiers: tuple[Tier, ...]
    sales: tuple[Sales, ...]
    list_prices: tuple[ListPrice, ...]
    competitor_prices: tuple[CompetitorPrice, ...]
    usage: tuple[Usage, ...]


_PIECE_TIERS, _PIECE_DAYS = 20, 5_000
"""Most of a piece, the days being those of all its tiers: some seconds of computing."""


def pieces(observed: Observed) -> Iterator[Observed]:
    """The same, some tiers at a time, so that nobody has to wait for a whole organisation."""
    sales, lists = _by_tier(observed.sales), _by_tier(observed.list_prices)
    seen, usage = _by_tier(observed.competitor_prices), _by_tier(observed.usage)
    days = max(1, (observed.end - observed.start).days)
    size = max(1, min(_PIECE_TIERS, _PIECE_DAYS // days))
    for first in range(0, len(observed.tiers), size):
        some = observed.tiers[first : first + size]
        yield replace(
            observed,
            tiers=some,
            sales=_rows(sales, some),
            list_prices=_rows(lists, some),
            competitor_prices=_rows(seen, some),
            usage=_rows(usage, some),
        )


def _rows(by_tier: Mapping[str, Sequence[Row]], some: Iterable[Tier]) -> tuple[Row, ...]:
    return tuple(row for tier in some for row in by_tier.get(tier.tier_id, ()))


@dataclass(frozen=True, slots=True)
class Series:
    """One tier's days, without a gap from its first sale on."""

    tier_id: str
    start: date
    units: array[float]
    prices: array[float]
    promotion: array[float]
    """1 where the price was one of a promotion."""
    competitors: array[float] | None = None
    """Median of what competitors asked."""
    usage: array[float] | None = None
    """Events per subscriber."""

    def __len__(self) -> int:
        return len(self.units)


def series(observed: Observed) -> dict[str, Series]:
    """The series of every tier that sold anything."""
    sales, lists = _by_tier(observed.sales), _by_tier(observed.list_prices)
    seen, usage = _by_tier(observed.competitor_prices), _by_tier(observed.usage)
    made = {}
    for tier in observed.tiers:
        name = tier.tier_id
        own = [sale for sale in sales.get(name, ()) if sale.units > 0 and sale.amount_minor > 0]
        if own:
            first = min(sale.day for sale in own)
            days = [first + timedelta(n) for n in range((observed.end - first).days)]
            sold = _sold(name, days, own, lists.get(name, ()))
            made[name] = replace(
                sold,
                competitors=_competitors(days, seen.get(name, ())),
                usage=_usage(days, usage.get(name, ())),
            )
    return made


def _by_tier(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.tier_id].append(row)
    return found


def _sold(
    tier_id: str, days: Sequence[date], sales: Sequence[Sales], lists: Sequence[ListPrice]
) -> Series:
    units, amounts = dict.fromkeys(days, 0), dict.fromkeys(days, 0.0)
    promoted = dict.fromkeys(days, 0)
    listed = {day: _list_price(day, lists) for day in days}
    regular = _regular(days, sales)
    for sale in sales:
        units[sale.day] += sale.units
        amounts[sale.day] += sale.amount_minor
        if _is_promotion(sale, listed[sale.day], regular[sale.day], lists):
            promoted[sale.day] += sale.units
    flags = [1.0 if units[day] and 2 * promoted[day] >= units[day] else 0.0 for day in days]
    if sum(flags) > _USUAL * sum(1 for day in days if units[day]):
        flags = [0.0] * len(days)
    return Series(
        tier_id,
        days[0],
        array("d", (units[day] for day in days)),
        array("d", _prices(days, units, amounts, listed)),
        array("d", flags),
    )


def _list_price(day: date, lists: Sequence[ListPrice]) -> int | None:
    """The lowest that was in force on that day."""
    return min(
        (
            price.amount_minor
            for price in lists
            if price.since <= day and (price.until is None or day <= price.until)
        ),
        default=None,
    )


def _regular(days: Sequence[date], sales: Sequence[Sales]) -> dict[date, float]:
    """The highest price around a day: what is regular where no list says it."""
    highest = dict.fromkeys(days, 0.0)
    for sale in sales:
        highest[sale.day] = max(highest[sale.day], sale.amount_minor / sale.units)
    tops = [highest[day] for day in days]
    return {day: max(tops[max(0, n - _AROUND) : n + _AROUND + 1]) for n, day in enumerate(days)}


def _is_promotion(
    sale: Sales, listed: int | None, regular: float, lists: Sequence[ListPrice]
) -> bool:
    """Whether what was paid is clearly less than the list price, and no renewal at an older one.

    Before there is a list price, a campaign must have brought the sale, at clearly less than others
    paid in the weeks around.
    """
    price = sale.amount_minor / sale.units
    if listed is None:
        return 2 * sale.campaign_units >= sale.units and price < CLEARLY_BELOW * regular
    return price < CLEARLY_BELOW * listed and not (
        2 * sale.renewed_units >= sale.units and _was_listed(price, sale.day, lists)
    )


def _was_listed(price: float, day: date, lists: Sequence[ListPrice]) -> bool:
    older = (one.amount_minor for one in lists if one.since < day)
    return any(CLEARLY_BELOW * one <= price <= one / CLEARLY_BELOW for one in older)


def _prices(
    days: Sequence[date],
    units: Mapping[date, int],
    amounts: Mapping[date, float],
    listed: Mapping[date, int | None],
) -> list[float]:
    """What a unit cost on average; on a day without sales the list price, or what was paid last."""
    prices: list[float] = []
    for day in days:
        if units[day]:
            prices.append(amounts[day] / units[day])
        else:
            known = listed[day]
            prices.append(float(known) if known else prices[-1])
    return prices


def _competitors(days: Sequence[date], seen: Sequence[CompetitorPrice]) -> array[float] | None:
    """The median over competitors of what each asked last; None where too few days have one."""
    ahead = sorted((one for one in seen if one.amount_minor > 0), key=lambda one: one.day)
    latest: dict[str, CompetitorPrice] = {}
    medians: list[float] = []
    at = 0
    for day in days:
        while at < len(ahead) and ahead[at].day <= day:
            latest[ahead[at].competitor] = ahead[at]
            at += 1
        asked = [one.amount_minor for one in latest.values() if (day - one.day).days <= _SEEN_DAYS]
        medians.append(median(asked) if asked else 0.0)
    known = [one for one in medians if one > 0]
    if len(known) < _COVERED * len(days):
        return None
    first = known[0]
    return array("d", (_carried(medians, first)))


def _carried(values: Iterable[float], last: float) -> Iterable[float]:
    """Each value, or the one before where there is none."""
    for value in values:
        last = value if value > 0 else last
        yield last


def _usage(days: Sequence[date], usage: Sequence[Usage]) -> array[float] | None:
    """Events per subscriber; None where there were no subscribers on too many of the days."""
    found = {one.day: one.events / one.subscribers for one in usage if one.subscribers > 0}
    if sum(day in found for day in days) < _COVERED * len(days):
        return None
    return array("d", (found.get(day, 0.0) for day in days))
