"""What is asked, and as of when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.errors import InvalidField

_SKEW = timedelta(minutes=1)
"""Clocks of callers differ from ours: so near, a time is now."""
_OLDEST = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FunnelQuestion:
    """Whom to follow; None where nothing is said, an empty segment for all."""

    start: datetime | None
    end: datetime | None
    as_of: datetime | None
    segment: str


@dataclass(frozen=True, slots=True)
class StageQuestion:
    """Whose next stage to foretell, and how far to look ahead."""

    client_id: str
    as_of: datetime | None
    horizon_days: int


@dataclass(frozen=True, slots=True)
class Asked:
    """As of when, and whether that is now."""

    as_of: datetime
    is_now: bool


def asked(as_of: datetime | None, now: datetime) -> Asked:
    """The time that is asked about; now, when there is none. Raises InvalidField."""
    if as_of is None or abs(as_of - now) <= _SKEW:
        return Asked(now, is_now=True)
    if as_of > now:
        raise InvalidField.of("as_of", "must not lie more than a minute in the future")
    if as_of < _OLDEST:
        raise InvalidField.of("as_of", "must not lie before the year 2000")
    return Asked(as_of, is_now=False)
