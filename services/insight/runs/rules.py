"""Who has a run, and when: on schedule, after events, after a failure. Pure; times are seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

TRIES = 5
"""After so many a job is dead: kept, counted, and left to a person."""

_BACKOFF = 3
_DAY = 86_400.0
_MARGIN = 60.0
"""An event may have been logged before a run and committed after it had looked."""

FEATURE_ABANDONED, VOICE_GENERATION, REPORT_GENERATED = 3, 5, 6
MATTERING = (FEATURE_ABANDONED, VOICE_GENERATION, REPORT_GENERATED)
"""Types of which a detector counts each event. The others enter comparisons of whole weeks, in
which one event changes little; these wait for the schedule."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of an organisation: how long ago things happened, None for never."""

    org_id: UUID
    run_ago: float | None
    logged_ago: float | None
    """Its newest event."""

    @property
    def has_news(self) -> bool:
        """Whether events came that no run has looked at."""
        if self.logged_ago is None:
            return False
        return self.run_ago is None or self.logged_ago < self.run_ago + _MARGIN


def is_due(standing: Standing, failed_ago: float | None, every: float) -> bool:
    """Whether the schedule wants a run: after `every` where there is news, else after a day.

    One whose run failed for good has the next no sooner than `every` after that.
    """
    if failed_ago is not None and failed_ago < every:
        return False
    if standing.run_ago is None or standing.run_ago >= _DAY:
        return True
    return standing.has_news and standing.run_ago >= every


def due(
    standings: Iterable[Standing], failed_ago: Mapping[UUID, float], every: float
) -> list[UUID]:
    """The organisations that the schedule wants runs of."""
    return [one.org_id for one in standings if is_due(one, failed_ago.get(one.org_id), every)]


def wait(run_ago: float | None, soon: float, rest: float) -> float:
    """From an event that matters to the run that it makes: `soon`, but after a rest."""
    return soon if run_ago is None else max(soon, rest - run_ago)


def is_last(attempts: int) -> bool:
    """Whether a try was the last; `attempts` were made before it."""
    return attempts + 1 >= TRIES


def pause(attempts: int, first: float) -> float:
    """From a failed try to the next; `attempts` were made before it."""
    return first * float(_BACKOFF**attempts)
