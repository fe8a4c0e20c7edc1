"""What settings may not be; each field by itself is checked by the contract."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from services.journey.journeys.rules.settings import JourneySettings
from services.journey.journeys.rules.vocabulary import Action, RiskLevel
from shared.errors import Violation

PLACEHOLDERS = ("{level}", "{stage}", "{risks}")
"""What reasons may say of the client."""

_BRACES = re.compile(r"\{[^{}]*\}|[{}]")


def contradictions(
    settings: JourneySettings, levels: Sequence[RiskLevel], actions: Sequence[Action]
) -> list[Violation]:
    """By field; levels and actions are those that were sent, in their order."""
    return [*_of_levels(settings, levels), *_of_reasons(settings, actions)]


def _of_levels(settings: JourneySettings, sent: Sequence[RiskLevel]) -> Iterator[Violation]:
    least = {level: rule.min_risks for level, rule in sorted(settings.levels.items())}
    if least[RiskLevel.LOW]:
        yield Violation(_field(sent, RiskLevel.LOW), "of LOW must be 0")
        least[RiskLevel.LOW] = 0
    for lower, upper in pairwise(least):
        if least[lower] >= least[upper]:
            told = f"of {upper.name} must be more than that of {lower.name}, {least[lower]}"
            yield Violation(_field(sent, upper if upper in sent else lower), told)


def _field(sent: Sequence[RiskLevel], level: RiskLevel) -> str:
    return f"settings.levels[{sent.index(level)}].min_risks"


def _of_reasons(settings: JourneySettings, sent: Sequence[Action]) -> Iterator[Violation]:
    for place, action in enumerate(sent):
        reason = settings.actions[action].reason
        if not reason.strip():
            yield Violation(f"settings.actions[{place}].reason", "may not be blank")
        unknown = set(_BRACES.findall(reason)) - set(PLACEHOLDERS)
        if unknown:
            told = f"has {' '.join(sorted(unknown))}: only {', '.join(PLACEHOLDERS)} are known"
            yield Violation(f"settings.actions[{place}].reason", told)
