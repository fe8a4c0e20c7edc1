"""What is kept of an insight comes back as it was."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import orjson
from hypothesis import given
from hypothesis import strategies as st

from services.insight.detection.rules.vocabulary import (
    Finding,
    InsightType,
    Measurement,
    Severity,
    Subject,
    SubjectKind,
    Window,
)
from services.insight.insights.rules import life, stored
from services.insight.insights.rules.life import Insight, Sighting, State

ORG = UUID("0a000000-0000-4000-8000-00000000000a")
MOMENTS = st.datetimes(
    datetime(2000, 1, 1),  # noqa: DTZ001 - the zone is given beside it
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
)
WINDOWS = st.builds(Window, MOMENTS, MOMENTS)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
FINDINGS = st.builds(
    Finding,
    insight_type=st.sampled_from(InsightType),
    subject=st.builds(Subject, st.sampled_from(SubjectKind), TEXTS, TEXTS),
    weight=NUMBERS,
    confidence=NUMBERS,
    severity=st.sampled_from(Severity),
    window=WINDOWS,
    action=TEXTS,
    message=TEXTS,
    parameters=st.dictionaries(TEXTS, st.one_of(TEXTS, NUMBERS, st.integers(0, 2**53))),
    rule=TEXTS,
    test=TEXTS,
    measurements=st.lists(st.builds(Measurement, TEXTS, NUMBERS, WINDOWS), max_size=4),
    would_change=TEXTS,
    trend=st.lists(st.integers(0, 2**40), max_size=28),
)


def row_of(one: Insight, *, as_text: bool) -> stored.Row:
    """Its row as the database gives it back: JSON parsed, times as they are or as texts."""
    finding = one.finding
    moments = {
        name: getattr(one, name)
        for name in ("first_seen_at", "last_seen_at", "state_changed_at", "cleared_at")
    } | {"window_start": finding.window.start, "window_end": finding.window.end}
    if as_text:
        moments = {name: moment and moment.isoformat() for name, moment in moments.items()}
    columns = {
        "insight_type": finding.insight_type.value,
        "subject_kind": finding.subject.kind.value,
        "subject_id": finding.subject.id,
        "feature": finding.subject.feature,
        "severity": finding.severity.value,
        "weight": finding.weight,
        "confidence": finding.confidence,
        "recommendation": orjson.loads(orjson.dumps(stored.recommendation(finding))),
        "evidence": orjson.loads(orjson.dumps(stored.evidence(finding))),
    }
    plain = {name: value for name, value in asdict(one).items() if name != "finding"}
    return {**plain, **columns, **moments}


@given(
    finding=FINDINGS,
    moment=MOMENTS,
    state=st.sampled_from(State),
    cleared=st.booleans(),
    as_text=st.booleans(),
)
def test_what_is_kept_of_an_insight_comes_back_as_it_was(
    finding: Finding, moment: datetime, state: State, *, cleared: bool, as_text: bool
) -> None:
    one = replace(
        life.see(None, finding, Sighting(ORG, moment, 3)),
        state=state,
        cleared_at=moment if cleared else None,
        note="why",
        closed_severity=2,
        reopened=4,
    )
    assert stored.restored(row_of(one, as_text=as_text)) == one
