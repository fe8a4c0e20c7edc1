"""How findings are put together, and the words of their evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from fractions import Fraction
from functools import lru_cache

from services.insight.detection.rules.settings import DetectorSettings
from services.insight.detection.rules.vocabulary import (
    Finding,
    InsightType,
    Measurement,
    Severity,
    Shortfall,
    Subject,
    SubjectKind,
    Window,
)

EXACT_CONDITIONAL = "exact conditional test"
EXACT_BINOMIAL = "exact binomial test"
FISHER = "Fisher's exact test"
COUNT = "count"

CERTAIN = 1.0

_SECOND = timedelta(seconds=1)
_REMEMBERED = 4096
_KINDS = {SubjectKind.USER: "user", SubjectKind.CLIENT: "client"}


def finding(
    insight_type: InsightType,
    subject: Subject,
    settings: DetectorSettings,
    *,
    severity: Severity,
    confidence: float,
    window: Window,
    action: str,
    message: str,
    parameters: Mapping[str, int | float | str],
    rule: str,
    test: str,
    measurements: Sequence[Measurement],
    would_change: str,
) -> Finding:
    """A finding that weighs what its type does, times how sure it is."""
    return Finding(
        insight_type=insight_type,
        subject=subject,
        weight=settings.weights.of(insight_type) * confidence,
        confidence=confidence,
        severity=severity,
        window=window,
        action=action,
        message=message,
        parameters=parameters,
        rule=rule,
        test=test,
        measurements=measurements,
        would_change=would_change,
    )


@lru_cache(_REMEMBERED)
def missing(what: str, there: int, needed: int) -> str:
    """What a shortfall says: `previous_events: 3 of 20`."""
    return f"{what}: {there} of {needed}"


def shortfall(
    insight_type: InsightType, subject: Subject, what: str, there: int, needed: int
) -> Shortfall:
    """A detector that cannot judge."""
    return Shortfall(insight_type, subject, missing(what, there, needed))


def whom(subject: Subject) -> str:
    """The subject in a sentence; without its id, which may be a person's and stands beside it."""
    kind = _KINDS.get(subject.kind)
    return f"This {kind}" if kind else "The organisation"


def written(number: Fraction) -> str:
    """A threshold as people write it."""
    return f"{float(number):.10g}"


def product(ratio: Fraction, number: int) -> str:
    """The right side of a comparison with the week before."""
    return f"{written(ratio)} \N{MULTIPLICATION SIGN} {number}"


def counted(number: int, thing: str) -> str:
    """`1 event`, `2 events`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def seconds(window: Window) -> int:
    """How long it is, whatever clocks did meanwhile."""
    return (window.end - window.start) // _SECOND


def at_least(ratio: Fraction, number: int) -> int:
    """The smallest count that is not below so much of a number."""
    return -(-number * ratio.numerator // ratio.denominator)


def steps(count: int, threshold: int) -> int:
    """How often a count is beyond its threshold: 0 above it, 1 above twice, 2 above four times."""
    return (count > 2 * threshold) + (count > 4 * threshold)
