"""What is known of a client when it is asked what to do, and what is asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.journey.journeys.rules.settings import JourneySettings
from services.journey.journeys.rules.standing import Contact, Standing
from services.journey.journeys.rules.vocabulary import Micros

_ZONES_KEPT = 1024


class Question(NamedTuple):
    """Of which client it is asked what to do, and as of when."""

    client_id: str
    now: Micros
    then: Micros | None
    """None for now."""
    most: int
    """Recommendations, at most."""


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


@lru_cache(_ZONES_KEPT)
def _zone(name: str) -> tzinfo:
    """UTC for a name that the zones of this machine do not have."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC
