"""What is known of a client when it is asked what to do, and as of when that is asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.journey.journeys.rules.settings import JourneySettings
from services.journey.journeys.rules.standing import Contact, Standing
from services.journey.journeys.rules.vocabulary import SECOND, Micros
from shared.errors import InvalidField

SKEW = 60 * SECOND
"""Clocks of callers differ from ours: so near, a time is now."""

_ZONES_KEPT = 1024


class Known(NamedTuple):
    """Of a client, as of a moment, beside settings and policy, which are known by their version."""

    standing: Standing
    contacts: Sequence[Contact]
    """The newest first."""
    time_zone: str
    do_not_contact: bool
    segment: str
    organisations_zone: str
    settings_version: int
    policy_version: int

    def zone(self, settings: JourneySettings) -> tzinfo:
        """Where the client is; looked for only where it matters."""
        hours = settings.quiet_hours
        if hours.from_minute == hours.to_minute:
            return UTC
        return _zone(self.time_zone or self.organisations_zone)


def past(as_of: Micros | None, now: Micros) -> Micros | None:
    """The moment of the past that is asked about; None for now. Raises InvalidField."""
    if as_of is None or abs(as_of - now) <= SKEW:
        return None
    if as_of > now:
        raise InvalidField.of("as_of", "must not lie in the future")
    return as_of


@lru_cache(_ZONES_KEPT)
def _zone(name: str) -> tzinfo:
    """UTC for a name that the zones of this machine do not have."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC
