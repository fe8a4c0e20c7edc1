"""The signals of a client, and how long the fleet's quartile is remembered. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

WEEK_DAYS = 7
MONTH_DAYS = 30
YEAR_DAYS = 365
LISTED_DAYS = 60
"""Who has had no event for so long is in no list."""
FLEET_CLIENTS = 20
"""Below so many active clients a quartile says nothing."""
MAX_INSIGHTS = 50

REMEMBERED_SECONDS = 60.0
_RENEWED_SECONDS = 50.0
"""After so long it is asked for again, which takes a while; nobody waits for it meanwhile."""
_MAX_REMEMBERED = 10_000
_SAME_DAY_SECONDS = 900
"""Time zones differ by whole quarters of an hour: within one quarter there is no midnight."""


class Revenue(NamedTuple):
    """Revenue less refunds in one currency; None where there was none."""

    currency: str
    month_micros: int | None
    year_micros: int


class Signals(NamedTuple):
    """What is known of a client."""

    recent_events: int
    previous_events: int
    feature_uses: int
    features_used: int
    last_at: datetime | None
    lag_seconds: float
    feature_uses_p25: float | None
    revenue: Sequence[Revenue]
    insights: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Which:
    """Which clients a list is of, and as of when."""

    as_of: datetime
    after: str
    named: Sequence[str]
    """Only these; nobody named means all."""


class Summary(NamedTuple):
    """What a list says of a client."""

    client_id: str
    recent_events: int
    previous_events: int
    feature_uses: int
    last_at: datetime
    insight_types: Sequence[int]


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the clients, and what holds for all."""

    feature_uses_p25: float | None
    lag_seconds: float
    clients: Sequence[Summary]
    more: bool = False


def usage_ratio(recent: int, previous: int) -> float | None:
    """The recent week against the one before; None when there was nothing before."""
    return recent / previous if previous else None


QuartileKey = tuple[UUID, int]


def quartile_key(org_id: UUID, as_of: datetime) -> QuartileKey:
    """Of what a quartile is: the organisation, and a time within which it has one date."""
    return org_id, int(as_of.timestamp()) // _SAME_DAY_SECONDS


def before(key: QuartileKey) -> QuartileKey:
    """The same organisation a quarter of an hour ago."""
    return key[0], key[1] - 1


@dataclass(frozen=True, slots=True)
class Quartile:
    """What it was at a time; None where there are too few clients."""

    value: float | None
    at: float


class Quartiles:
    """Quartiles of organisations, remembered for a minute.

    A quartile takes a look at every client of the organisation, and moves slowly; without memory
    it would cost every call more than the rest of the answer.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[QuartileKey, Quartile] = OrderedDict()

    def due(self, key: QuartileKey, now: float) -> bool:
        """Whether it has to be asked for: it is unknown, or soon too old."""
        known = self._known.get(key)
        return known is None or now >= known.at + _RENEWED_SECONDS

    def get(self, key: QuartileKey, now: float) -> Quartile | None:
        """What is remembered and not too old."""
        known = self._known.get(key)
        return known if known and now < known.at + REMEMBERED_SECONDS else None

    def put(self, key: QuartileKey, value: float | None, at: float) -> None:
        """Remember what it was; beyond ten thousand the longest known is forgotten."""
        self._known[key] = Quartile(value, at)
        self._known.move_to_end(key)
        if len(self._known) > _MAX_REMEMBERED:
            self._known.popitem(last=False)
