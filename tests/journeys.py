"""Clients at a fixed time, for the rules of journey: by hand, risk by risk, and at random."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

import orjson
from hypothesis import strategies as st

from services.journey.journeys.rules.facts import derive
from services.journey.journeys.rules.risks import findings
from services.journey.journeys.rules.settings import (
    RISKS,
    JourneySettings,
    LevelRule,
    RiskRule,
    Thresholds,
)
from services.journey.journeys.rules.standing import Standing
from services.journey.journeys.rules.vocabulary import (
    DAY,
    SECOND,
    Action,
    Finding,
    Happening,
    Micros,
    Norms,
    Priority,
    Risk,
    RiskLevel,
    Signals,
    Stage,
)

NOW: Micros = 20_000 * DAY + 7 * 3600 * SECOND
DEFAULTS = JourneySettings()
MICRO = 1 / DAY
"""In days."""

_ids = count(1)


def event(
    days_ago: float, event_type: str = "note", stage: Stage | None = None, **metadata: Any
) -> Happening:
    """An event so many days before NOW; of one moment the one that is made first comes first."""
    at = NOW - round(days_ago * DAY)
    return Happening(UUID(int=next(_ids)), at, event_type, stage, metadata)


def client(*events: Happening, created_days_ago: float = 400, **known: Any) -> Standing:
    """A client with these events."""
    return Standing(NOW - round(created_days_ago * DAY), derive(events), **known)


ENGAGED = [event(1), event(2), event(3)]
"""No matter what else happens, this client is engaged."""


def found(
    standing: Standing, settings: JourneySettings = DEFAULTS, now: Micros = NOW
) -> dict[Risk, Finding]:
    """The risks that hold, by default now."""
    return {one.risk: one for one in findings(standing, settings, now)}


def risks(standing: Standing) -> set[Risk]:
    """Which."""
    return set(found(standing))


CAUSES: dict[Risk, list[tuple[float, str, dict[str, Any]]]] = {
    Risk.LOW_ENGAGEMENT: [],
    Risk.LATE_INVOICES: [(50, "invoice_overdue", {"invoice_id": "F-7"})],
    Risk.SLOW_PROJECT_PROGRESS: [],
    Risk.NEGATIVE_SENTIMENT: [(40, "call", {"sentiment": "negative"})] * 2,
    Risk.LOW_FEATURE_USAGE: [],
    Risk.HIGH_SUPPORT_TICKETS: [
        (60, "support_ticket_opened", {"ticket_id": one}) for one in ("T-1", "T-2", "T-3")
    ],
}


def troubled(risks: Iterable[Risk], stage: Stage = Stage.ACTIVE_PROJECT, **known: Any) -> Standing:
    """A client in that stage with exactly these risks, by the default settings."""
    wanted = set(risks)
    happened = [event(70, "moved", stage)]
    for risk in wanted:
        happened += [event(ago, kind, **metadata) for ago, kind, metadata in CAUSES[risk]]
    if Risk.LOW_ENGAGEMENT not in wanted:
        happened += [event(1), event(1), event(1)]
    if Risk.SLOW_PROJECT_PROGRESS not in wanted:
        happened += [event(5, "milestone_reached")]
    uses = 3 if Risk.LOW_FEATURE_USAGE in wanted else 30
    return client(*happened, signals=Signals(uses, 12.5, NOW), **known)


_TIMES = st.one_of(st.integers(0, 60).map(float), st.floats(0, 60))
AS_DOUBLES = [2.0**53, 2.0**63, 1234567890123456789.0, 12345678901234567890.0, 1e22, -0.0, 0.1]
"""Numbers that have other digits, or another type, once they were kept as JSON."""

_INVOICES = ["a", "b", "b" * 99, *AS_DOUBLES]
_TICKETS = ["a", "b", "c", "d", "d" * 99, *AS_DOUBLES]
_TYPES: dict[str, list[dict[str, Any]]] = {
    "note": [{}],
    "call": [{"sentiment": "negative"}, {"sentiment": "positive"}],
    "invoice_overdue": [{"invoice_id": one} for one in _INVOICES] + [{}],
    "invoice_paid": [{"invoice_id": one} for one in _INVOICES] + [{}],
    "support_ticket_opened": [{"ticket_id": one} for one in _TICKETS] + [{}],
    "support_ticket_closed": [{"ticket_id": one} for one in _TICKETS],
    "milestone_reached": [{}],
}
_FAMILIES = [
    ["note", "milestone_reached"],
    ["note", "call"],
    ["support_ticket_opened", "support_ticket_closed"],
    ["support_ticket_opened"],
]
_STAGES = st.sampled_from([None, None, Stage.ACTIVE_PROJECT, Stage.BILLING, Stage.CHURN_RISK])


def kept(event: Happening) -> Happening:
    """The event as the database gives it back: numbers with all their digits, and no exponent."""
    told = json.loads(orjson.dumps(event.metadata), parse_float=Decimal, parse_int=Decimal)
    written = {
        name: format(one, "f") if isinstance(one, Decimal) else json.dumps(one)
        for name, one in told.items()
    }
    text = ",".join(f"{json.dumps(name)}:{one}" for name, one in written.items())
    return replace(event, metadata=orjson.loads(f"{{{text}}}"))


@st.composite
def happenings(draw: st.DrawFn) -> list[Happening]:
    """What happened to a client in two months: anything, or much of the same."""
    types = draw(st.just(list(_TYPES)) | st.sampled_from(_FAMILIES))
    kinds = [(kind, one) for kind in types for one in _TYPES[kind]]
    drawn = draw(st.lists(st.tuples(_TIMES, st.sampled_from(kinds), _STAGES), max_size=25))
    return [
        Happening(UUID(int=place), NOW - round(ago * DAY), kind, stage, metadata)
        for place, (ago, (kind, metadata), stage) in enumerate(drawn)
    ]


@st.composite
def standings(draw: st.DrawFn, events: list[Happening] | None = None) -> Standing:
    """A client with them, and whatever else may be known of it."""
    p25 = draw(st.sampled_from([None, 0.0, 4.5, 12.0, 12.5]))
    usual = draw(st.none() | st.floats(0, 60 * 86_400))
    return Standing(
        created_at=NOW - round(draw(_TIMES) * DAY),
        facts=derive(draw(happenings()) if events is None else events),
        ai_score=draw(st.none() | st.floats(0, 100)),
        signals=draw(
            st.none() | st.builds(Signals, st.integers(0, 20), st.just(p25), st.just(NOW))
        ),
        norms=Norms(usual),
    )


@st.composite
def catalogues(draw: st.DrawFn) -> JourneySettings:
    """Settings that an organisation may have."""
    rules = {
        risk: RiskRule(
            draw(st.sampled_from(Action)),
            draw(st.integers(1, 4)),
            draw(st.integers(0, 100) | st.floats(0, 100)),
            draw(st.sampled_from([True, True, True, True, False])),
        )
        for risk in RISKS
    }
    least = sorted(draw(st.sets(st.integers(1, 6), min_size=3, max_size=3)))
    levels = {
        level: LevelRule(risks, Priority(level))
        for level, risks in zip(RiskLevel, (0, *least), strict=True)
    }
    stages = {
        stage: replace(rule, weight=draw(st.floats(-100, 100)))
        for stage, rule in DEFAULTS.stages.items()
    }
    return replace(
        DEFAULTS, risks=rules, levels=levels, stages=stages, thresholds=draw(_thresholds())
    )


def _thresholds() -> st.SearchStrategy[Thresholds]:
    days = st.integers(1, 40)
    return st.just(Thresholds()) | st.builds(
        Thresholds,
        engagement_min_events=st.integers(1, 20),
        engagement_days=days,
        engagement_grace_days=st.integers(0, 40),
        sentiment_min_negative=st.integers(1, 10),
        project_min_days=days,
        project_milestone_days=days,
        tickets_min=st.integers(1, 6),
        tickets_days=days,
    )
