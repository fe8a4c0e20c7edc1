"""When the clients of an organisation are asked about again, and what the answer changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.journey.journeys.rules.vocabulary import Micros
from services.journey.signals.rules.answers import is_low

PAGE = 1_000
"""Clients that insight is asked about at once."""
_LEASE_SECONDS = 60.0
"""A worker that gave no sign of life for so long is dead."""
_AGAIN_SECONDS = 2.0
_LONGEST_PAUSE_SECONDS = 60.0
_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Standing:
    """How it went with an organisation so far."""

    org_id: UUID
    tried_at: datetime | None
    """The last sign of life of whoever tried."""
    swept_at: datetime | None
    failures: int
    """In a row."""

    def due_at(self, every_seconds: float) -> datetime | None:
        """When the next try is due; None for at once."""
        if self.tried_at is None:
            return None
        if self.failures:
            return self.tried_at + timedelta(seconds=pause_seconds(self.failures))
        if self.swept_at is None or self.swept_at < self.tried_at:
            return self.tried_at + timedelta(seconds=_LEASE_SECONDS)
        return self.swept_at + timedelta(seconds=every_seconds)


def due(standings: Iterable[Standing], now: datetime, every_seconds: float) -> list[Standing]:
    """Those who are due: who failed least comes first, then who has waited longest.

    One that always fails may thus be the reason that insight is given a pause, and not the reason
    that others wait.
    """
    times = [(one.due_at(every_seconds) or _EVER, one) for one in standings]
    waiting = [(one.failures, at, one) for at, one in times if at <= now]
    return [one for *_, one in sorted(waiting, key=lambda found: found[:2])]


def pause_seconds(failures: int) -> float:
    """How long to wait after failures in a row: each time twice as long, up to a minute."""
    return float(min(_AGAIN_SECONDS * 2 ** min(failures - 1, 10), _LONGEST_PAUSE_SECONDS))


@dataclass(frozen=True, slots=True)
class Known:
    """A client, and what is kept of its use; None where nothing is."""

    client_id: str
    feature_uses: int | None
    feature_uses_p25: float | None

    @property
    def low(self) -> bool:
        """Whether it is known to use little."""
        return self.feature_uses is not None and is_low(self.feature_uses, self.feature_uses_p25)


@dataclass(frozen=True, slots=True)
class Measured:
    """What insight says of a client; zeros where it says nothing."""

    client_id: str
    feature_uses: int = 0
    recent_events: int = 0
    previous_events: int = 0
    insight_types: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Fleet:
    """What insight says of some clients, and what holds for all of the organisation."""

    clients: Mapping[str, Measured]
    feature_uses_p25: float | None
    measured_at: Micros


@dataclass(frozen=True, slots=True)
class Changes:
    """What an answer changes."""

    known: Sequence[Measured]
    new: Sequence[Measured]
    turned: frozenset[str]
    """Those whose use is low now and was not, or the other way round; and all that are new."""
    restated: frozenset[str]
    """Those of whom rules say something else, or the same with other numbers."""

    @property
    def held(self) -> frozenset[str]:
        """Those who must not be deleted meanwhile."""
        return self.restated | self.turned


def changes(known: Sequence[Known], fleet: Fleet) -> Changes:
    """What becomes of these clients."""
    p25 = fleet.feature_uses_p25
    old: list[Measured] = []
    new: list[Measured] = []
    turned, restated = set(), set()
    for one in known:
        measured = fleet.clients.get(one.client_id) or Measured(one.client_id)
        (new if one.feature_uses is None else old).append(measured)
        low = is_low(measured.feature_uses, p25)
        if one.feature_uses is None or low != one.low:
            turned.add(one.client_id)
        same = (one.feature_uses, one.feature_uses_p25) == (measured.feature_uses, p25)
        if low != one.low or (low and not same):
            restated.add(one.client_id)
    return Changes(old, new, frozenset(turned), frozenset(restated))
