"""What others ask, as values. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

Cursor = tuple[datetime, UUID]
"""The place after which a list of findings goes on: when it was seen, and its id."""


class CompetitorPrice(NamedTuple):
    """A finding, in the order of its columns."""

    competitor_price_id: UUID
    tier_id: str
    competitor: str
    offer: str
    amount_minor: int
    currency: str
    observed_at: datetime
    source: str
    recorded_by: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Which:
    """Which findings a list names; empty asks for all."""

    tier_id: str = ""
    newest_only: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Some findings, the latest seen first, and whether there are more."""

    prices: Sequence[CompetitorPrice]
    more: bool
