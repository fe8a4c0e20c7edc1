"""Where a client goes next, and when: a semi-Markov process.

What happens depends on the stage and on how long the client has been in it, on nothing before
(Howard, "Dynamic Probabilistic Systems", volume 2, 1971, chapter 10). Three layers, each of which
takes over from the one before as visits come in, and counts as `STRENGTH` visits in the next:

1. the defaults: a table of moves, and an average time in each stage;
2. what visits did until they were as old as the client's is now: a race of exponential times, by
   the conjugate gamma distribution for its rate and the Dirichlet distribution for where moves go
   (Gelman et al., "Bayesian Data Analysis", 3rd ed., sections 2.6 and 3.4);
3. what they did from then on, without an assumption about times: `competing_risks`. The rate of the
   base is fitted to these visits too (empirical Bayes: Susarla and Van Ryzin, Annals of Statistics
   6, 1978), for it is all that is believed beyond the longest of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from services.journey.funnels.rules.beta import credible_interval
from services.journey.funnels.rules.competing_risks import Base, Curve, Spell
from services.journey.funnels.rules.defaults import PRIOR_DAYS, PRIOR_MOVES, STRENGTH
from services.journey.journeys.rules.vocabulary import DAY, SECOND, Micros, Stage

MOST_VISITS = 5_000
"""The latest visits to a stage that are looked at: some hundredths of a second of work."""
CREDIBILITY = 0.9
ENOUGH_WEIGHT = 0.5

_FORETOLD_SECONDS = 3653 * DAY / SECOND
"""Ten years: nobody knows what is after them."""


class PastVisit(NamedTuple):
    """A visit of the organisation's history."""

    micros: Micros
    next_stage: Stage | None
    """None: it was running still."""


@dataclass(frozen=True, slots=True)
class NextStage:
    """A stage to which the client may go."""

    stage: Stage
    probability: float
    lower: float
    upper: float
    within_horizon: float


@dataclass(frozen=True, slots=True)
class Duration:
    """Seconds until half have moved, and until a quarter and three quarters have."""

    median: float
    lower: float
    upper: float | None
    """None: more than ten years."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """Where a client goes next, the likeliest first, and when."""

    next_stages: Sequence[NextStage]
    time_to_next: Duration | None
    """None: the median is more than ten years."""
    sample_visits: int
    history_weight: float

    @property
    def within_horizon(self) -> float:
        """The probability that it moves at all by then."""
        return sum(one.within_horizon for one in self.next_stages)

    @property
    def insufficient(self) -> bool:
        """Whether it rests mostly on the prior."""
        return self.history_weight < ENOUGH_WEIGHT


@dataclass(frozen=True, slots=True)
class StageQuestion:
    """Whose next stage to foretell, and how far to look ahead."""

    client_id: str
    horizon_days: int
    now: Micros
    past: Micros | None
    """As of when; None: now."""


@dataclass(frozen=True, slots=True)
class Foretold:
    """Where a client is since when, and where it goes, as of a time."""

    stage: Stage
    since: Micros
    prediction: Prediction
    as_of: Micros


def predict(
    stage: Stage, elapsed: Micros, history: Sequence[PastVisit], horizon: Micros
) -> Prediction:
    """What comes for a client that has been in the stage for so long."""
    younger = [Spell(min(visit.micros, elapsed) / SECOND, _by(visit, elapsed)) for visit in history]
    longer = [
        Spell((visit.micros - elapsed) / SECOND, visit.next_stage)
        for visit in history
        if visit.micros > elapsed
    ]
    prior = fitted(defaults(stage), younger)
    curve = Curve(longer, replace(prior, rate=fitted(prior, longer).rate))
    moves = sum(spell.cause is not None for spell in longer)
    return Prediction(
        _next_stages(curve, horizon / SECOND),
        _time_to_next(curve),
        sample_visits=len(history),
        history_weight=moves / (STRENGTH + moves),
    )


def _by(visit: PastVisit, elapsed: Micros) -> Stage | None:
    """Where it had gone when it was so old."""
    return visit.next_stage if visit.micros <= elapsed else None


def defaults(stage: Stage) -> Base:
    """What is believed of an organisation without any visit."""
    return Base(STRENGTH, SECOND / (PRIOR_DAYS[stage] * DAY), PRIOR_MOVES[stage])


def fitted(prior: Base, spells: Iterable[Spell]) -> Base:
    """The race of exponential times that fits these spells; what was believed without any."""
    seconds, moves = prior.strength / prior.rate, Counter[Stage]()
    for spell in spells:
        seconds += spell.seconds
        if spell.cause is not None:
            moves[spell.cause] += 1
    cases = prior.strength + moves.total()
    split = {
        cause: (prior.strength * share + moves[cause]) / cases
        for cause, share in prior.split.items()
    }
    return Base(prior.strength, cases / seconds, split)


def _next_stages(curve: Curve, horizon_seconds: float) -> list[NextStage]:
    ever, soon = curve.incidence(), curve.incidence(horizon_seconds)
    whole, cases = sum(ever.values()), curve.effective_cases()
    found = []
    for stage, probability in ever.items():
        share = probability / whole
        interval = credible_interval(share, cases, CREDIBILITY)
        within = min(share, soon[stage] / whole)
        found.append(NextStage(stage, share, *interval, within_horizon=within))
    return sorted(found, key=lambda one: (-one.probability, one.stage))


def _time_to_next(curve: Curve) -> Duration | None:
    lower, median, upper = (curve.quantile(share) for share in (0.25, 0.5, 0.75))
    if median > _FORETOLD_SECONDS:
        return None
    return Duration(median, lower, upper if upper <= _FORETOLD_SECONDS else None)
