"""Moments as rules have them and as all else has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.journey.journeys.rules.vocabulary import SECOND, Micros

SKEW: Micros = 60 * SECOND
"""Clocks of callers differ from ours, by so much at most."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> Micros:
    """The moment in microseconds since 1970, without loss."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(at: Micros) -> datetime:
    """The moment, in UTC."""
    return _EPOCH + at * _MICROSECOND
