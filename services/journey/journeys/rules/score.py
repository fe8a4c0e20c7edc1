"""The score and the level, and what they are made of."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import add

from services.journey.journeys.rules.risks import findings
from services.journey.journeys.rules.settings import JourneySettings
from services.journey.journeys.rules.standing import Standing
from services.journey.journeys.rules.vocabulary import (
    Contribution,
    Finding,
    Micros,
    Risk,
    RiskLevel,
    Score,
    Stage,
)

UNKNOWN_AI_SCORE = 50.0
"""Stands for the ai_score of clients that have none; 0 is one."""

LOWEST, HIGHEST = 0.0, 100.0

_FACTORS = {risk: f"risk.{risk.name.lower()}" for risk in Risk}
_IN_STAGE = {stage: f"stage {stage.name.lower()}" for stage in Stage}


def score(standing: Standing, settings: JourneySettings, now: Micros) -> Score:
    """How well the client does now."""
    found = findings(standing, settings, now)
    parts = tuple(_contributions(standing, settings, found))
    total = reduce(add, (one.points for one in parts))
    bounded = min(max(total, LOWEST), HIGHEST)
    if bounded != total:
        bound = "scores begin at 0" if bounded == LOWEST else "scores end at 100"
        parts = (*parts, Contribution("clamp", bounded - total, bound))
    reached = level(len(found), standing.stage, settings)
    return Score(bounded, reached, standing.stage, parts, found)


def level(risks: int, stage: Stage, settings: JourneySettings) -> RiskLevel:
    """How much there is to worry about."""
    by_count = max(one for one, rule in settings.levels.items() if risks >= rule.min_risks)
    return max(by_count, RiskLevel.HIGH) if stage == Stage.CHURN_RISK else by_count


def _contributions(
    standing: Standing, settings: JourneySettings, found: tuple[Finding, ...]
) -> Iterator[Contribution]:
    """In their order, so that whoever adds them up in it gets the very score."""
    if standing.ai_score is None:
        yield Contribution("base", UNKNOWN_AI_SCORE, "the client has no ai_score")
    else:
        yield Contribution("base", standing.ai_score, "ai_score of the client")
    weight = settings.stages[standing.stage].weight
    yield Contribution("stage", weight, _IN_STAGE[standing.stage])
    for one in found:
        points = settings.risks[one.risk].points
        yield Contribution(_FACTORS[one.risk], 0 - points, one.evidence)
