"""How right a detector was: warnings against outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from services.insight.backtests.rules.outcomes import OUTCOMES
from services.insight.detection.rules.statistics import wilson
from services.insight.detection.rules.vocabulary import InsightType


@dataclass(frozen=True, slots=True)
class Report:
    """What is told of one detector."""

    insight_type: InsightType
    alerts: int
    judged: int
    true_alerts: int
    outcomes: int
    foreseen: int
    lead_days: float
    brier_score: float

    @property
    def outcome(self) -> str:
        """What counts as right, in words."""
        return OUTCOMES[self.insight_type].words

    @property
    def precision(self) -> float | None:
        """How many of the judged came true."""
        return self.true_alerts / self.judged if self.judged else None

    @property
    def recall(self) -> float | None:
        """How many of the outcomes it had warned of."""
        return self.foreseen / self.outcomes if self.outcomes else None

    @property
    def precision_interval(self) -> tuple[float, float]:
        """95 %."""
        return wilson(self.true_alerts, self.judged)

    @property
    def recall_interval(self) -> tuple[float, float]:
        """95 %."""
        return wilson(self.foreseen, self.outcomes)


@dataclass(frozen=True, slots=True)
class Run:
    """One detector at one subject on one day."""

    day: int
    confidence: float | None
    """How sure it was; None when it said nothing."""
    came_true: bool | None
    """What came of it; None where that is not known, or not to be asked."""
    warned: bool
    """Whether it, or a graver one that includes it, spoke up."""


@dataclass(slots=True)
class Tally:
    """The score of one detector, as it is added up subject by subject."""

    insight_type: InsightType
    alerts: int = 0
    judged: int = 0
    true_alerts: int = 0
    outcomes: int = 0
    foreseen: int = 0
    error: float = 0.0
    leads: dict[int, int] = field(default_factory=dict)

    def add(self, runs: Sequence[Run]) -> None:
        """One subject, day by day."""
        self._add_alerts(runs)
        self._add_outcomes(runs)

    def merge(self, other: Tally) -> None:
        """Add the score of the same detector at another organisation."""
        self.alerts += other.alerts
        self.judged += other.judged
        self.true_alerts += other.true_alerts
        self.outcomes += other.outcomes
        self.foreseen += other.foreseen
        self.error += other.error
        for lead, times in other.leads.items():
            self.leads[lead] = self.leads.get(lead, 0) + times

    def report(self) -> Report:
        """What it comes to."""
        leads = [days for days, times in sorted(self.leads.items()) for _ in range(times)]
        return Report(
            insight_type=self.insight_type,
            alerts=self.alerts,
            judged=self.judged,
            true_alerts=self.true_alerts,
            outcomes=self.outcomes,
            foreseen=self.foreseen,
            lead_days=median(leads) if leads else 0.0,
            brier_score=self.error / self.judged if self.judged else 0.0,
        )

    def _add_alerts(self, runs: Sequence[Run]) -> None:
        """A warning counts once, when it begins; it is judged when its time has passed."""
        spoke = False
        for run in runs:
            if run.confidence is not None and not spoke:
                self.alerts += 1
                if run.came_true is not None:
                    self.judged += 1
                    self.true_alerts += run.came_true
                    self.error += (run.confidence - run.came_true) ** 2
            spoke = run.confidence is not None

    def _add_outcomes(self, runs: Sequence[Run]) -> None:
        """Days on which the same outcome lies ahead are one outcome."""
        episode: list[Run] = []
        for run in runs:
            if run.came_true:
                episode.append(run)
            elif episode:
                self._add_outcome(episode)
                episode = []
        if episode:
            self._add_outcome(episode)

    def _add_outcome(self, episode: Sequence[Run]) -> None:
        self.outcomes += 1
        outcome = OUTCOMES[self.insight_type]
        happens = episode[0].day + outcome.horizon
        in_time = (run for run in episode if run.warned and (outcome.lasts or run.day < happens))
        first = next(in_time, None)
        if first is not None:
            self.foreseen += 1
            lead = outcome.horizon if outcome.lasts else happens - first.day
            self.leads[lead] = self.leads.get(lead, 0) + 1
