"""How facts and visits go on with new events, and where that leaves a client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from services.journey.journeys.rules.facts import Facts, derive, fold
from services.journey.journeys.rules.risks import next_change
from services.journey.journeys.rules.score import score
from services.journey.journeys.rules.settings import JourneySettings
from services.journey.journeys.rules.standing import Standing
from services.journey.journeys.rules.visits import Visit, visits
from services.journey.journeys.rules.vocabulary import (
    Finding,
    Happening,
    Micros,
    Risk,
    RiskLevel,
    Stage,
)

Shown = tuple[Stage, RiskLevel, float, frozenset[Risk]]
"""What a change of is told to those who watch."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a client before something happens."""

    standing: Standing
    as_of: Micros
    """Facts hold the events up to here; time never goes back behind it."""
    shown: Shown | None
    """None where the rules were never evaluated: it is new."""

    def now(self, now: Micros) -> Micros:
        """The time to go on with: clocks of two machines differ."""
        return max(now, self.as_of)

    def due(self, now: Micros) -> bool:
        """Whether the time of an event has come that was told of ahead of it."""
        return self.pending_at is not None and self.pending_at <= self.now(now)

    @property
    def pending_at(self) -> Micros | None:
        """When the next event occurs that was told of ahead of its time."""
        return self.standing.pending_at

    def late(self, event: Happening, now: Micros) -> bool:
        """Whether an event comes before one that is in the facts already."""
        ahead = event.occurred_at > self.now(now)
        return not ahead and not self.standing.facts.precedes(event)


@dataclass(frozen=True, slots=True)
class Progress:
    """What new events make of a client: its facts, and what to do about its visits."""

    facts: Facts
    pending_at: Micros | None
    visits: Sequence[Visit]
    anew: bool
    """The visits replace all that there were; else they follow them, and end the last."""

    def of(self, standing: Standing) -> Standing:
        """All that is known of the client with it."""
        return replace(standing, facts=self.facts, pending_at=self.pending_at)


@dataclass(frozen=True, slots=True)
class State:
    """Where a client stands at a moment."""

    stage: Stage
    stage_since: Micros
    score: float
    level: RiskLevel
    findings: tuple[Finding, ...]
    last_event_at: Micros | None
    as_of: Micros
    next_check_at: Micros | None

    @property
    def shown(self) -> Shown:
        """What a change of is told to those who watch."""
        return self.stage, self.level, self.score, frozenset(one.risk for one in self.findings)


def onwards(
    standing: Standing, events: Iterable[Happening], now: Micros, pending_at: Micros | None = None
) -> Progress:
    """With events that all come after those in the facts; those after now have to wait.

    `pending_at` is when the first of others occurs that have to wait too.
    """
    ordered = sorted(events, key=lambda event: event.key)
    past = [event for event in ordered if event.occurred_at <= now]
    waiting = [event.occurred_at for event in ordered[len(past) :]]
    known = standing.facts
    return Progress(
        facts=fold(known, *past),
        pending_at=min((*waiting, *(() if pending_at is None else (pending_at,))), default=None),
        visits=visits(past, known.stage),
        anew=False,
    )


def anew(events: Sequence[Happening], now: Micros) -> Progress:
    """From all events of the client; those after now have to wait."""
    past = [event for event in events if event.occurred_at <= now]
    waiting = (event.occurred_at for event in events if event.occurred_at > now)
    return Progress(derive(past), min(waiting, default=None), visits(past), anew=True)


def back_then(standing: Standing, events: Sequence[Happening], as_of: Micros) -> Standing:
    """What is known of a client with all its events up to a moment, and none that followed.

    One that was made later is known since the first of them.
    """
    facts, created_at = derive(events), standing.created_at
    if created_at > as_of and facts.first_at is not None:
        created_at = facts.first_at
    return replace(standing, facts=facts, pending_at=None, created_at=created_at)


def portions(sizes: Mapping[str, int], limit: int) -> Iterator[list[str]]:
    """The clients in portions, each of so many events at most, and of one client at least."""
    portion: list[str] = []
    taken = 0
    for client_id, size in sizes.items():
        if portion and taken + size > limit:
            yield portion
            portion, taken = [], 0
        portion.append(client_id)
        taken += size
    if portion:
        yield portion


def state_of(standing: Standing, settings: JourneySettings, now: Micros) -> State:
    """Where the client stands now."""
    scored = score(standing, settings, now)
    return State(
        stage=standing.stage,
        stage_since=standing.stage_since,
        score=scored.score,
        level=scored.level,
        findings=scored.findings,
        last_event_at=standing.facts.last_at,
        as_of=now,
        next_check_at=next_change(standing, settings, now),
    )
