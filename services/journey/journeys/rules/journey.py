"""A journey as it is told, as of a moment. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from services.journey.journeys.rules import score as scoring
from services.journey.journeys.rules.progress import State, state_of
from services.journey.journeys.rules.settings import JourneySettings
from services.journey.journeys.rules.standing import Standing
from services.journey.journeys.rules.visits import Visit
from services.journey.journeys.rules.vocabulary import (
    Happening,
    Micros,
    Score,
    Source,
    Stage,
)

VISITS_SHOWN = 200


@dataclass(frozen=True)
class Standpoint:
    """All that is known of a client as of a moment, and by which settings it is judged."""

    client_id: str
    standing: Standing
    settings: JourneySettings
    as_of: Micros

    @cached_property
    def score(self) -> Score:
        """How well the client does."""
        return scoring.score(self.standing, self.settings, self.as_of)

    @cached_property
    def state(self) -> State:
        """Where the client stands."""
        return state_of(self.standing, self.settings, self.as_of)


@dataclass(frozen=True, slots=True)
class Stored:
    """An event as it is kept."""

    happening: Happening
    received_at: Micros
    source: Source


@dataclass(frozen=True, slots=True)
class StageTime:
    """How long a client was in a stage, all visits together."""

    stage: Stage
    micros: Micros
    visits: int


@dataclass(frozen=True, slots=True)
class Where:
    """Which part of which journey is asked for."""

    client_id: str
    now: Micros
    as_of: Micros | None
    """None for now."""
    after: tuple[Micros, str]
    """The event after which a page begins."""


@dataclass(frozen=True, slots=True)
class Journey:
    """A journey as of a moment: all of it but for its events, of which there is a page."""

    standpoint: Standpoint
    visits: Sequence[Visit]
    """The latest."""
    times: Sequence[StageTime]
    """Of all visits."""
    events: Sequence[Stored]
    unusual: set[UUID]
    """Those of the events that began an unusual visit."""
    more: bool


def lasted(visit: Visit, as_of: Micros) -> Micros:
    """How long a visit was, up to then while it lasts."""
    return (as_of if visit.left_at is None else visit.left_at) - visit.entered_at


def time_in_stages(
    visits: Iterable[Visit], as_of: Micros, before: Iterable[StageTime] = ()
) -> list[StageTime]:
    """The time in each stage that the client was in, by the order of stages.

    `before` are the times of other visits.
    """
    spent: defaultdict[Stage, Micros] = defaultdict(int)
    counted: defaultdict[Stage, int] = defaultdict(int)
    for one in before:
        spent[one.stage] += one.micros
        counted[one.stage] += one.visits
    for visit in visits:
        spent[visit.stage] += lasted(visit, as_of)
        counted[visit.stage] += 1
    return [StageTime(stage, spent[stage], counted[stage]) for stage in sorted(spent)]
