"""Which actions a client's stage and risks call for, in the order of the rules."""

from __future__ import annotations

from dataclasses import dataclass

from services.journey.journeys.rules.settings import JourneySettings
from services.journey.journeys.rules.vocabulary import Action, Finding, RiskLevel, Score


@dataclass(frozen=True, slots=True)
class Called:
    """An action that is called for."""

    action: Action
    tier: int
    """0 before 1: at HIGH and CRITICAL each action of a risk by itself, in their order, and last
    those of the stage; below all are 0. Learning never moves an action across."""
    findings: tuple[Finding, ...]
    """The risks that call for it."""
    by_stage: bool


def called_for(score: Score, settings: JourneySettings) -> tuple[Called, ...]:
    """The actions that are switched on or off alike, best first, each once."""
    by_stage = settings.stages[score.stage].actions
    by_risk: dict[Action, tuple[Finding, ...]] = {}
    for finding in score.findings:
        action = settings.risks[finding.risk].action
        by_risk[action] = (*by_risk.get(action, ()), finding)
    risks_first = score.level >= RiskLevel.HIGH
    order = (*by_risk, *by_stage) if risks_first else (*by_stage, *by_risk)
    tiers = {action: place for place, action in enumerate(by_risk)} if risks_first else {}
    last = len(tiers)
    return tuple(
        Called(
            action=action,
            tier=tiers.get(action, last),
            findings=by_risk.get(action, ()),
            by_stage=action in by_stage,
        )
        for action in dict.fromkeys(order)
    )
