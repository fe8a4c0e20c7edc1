"""power_user, upsell_opportunity and stuck_user at their boundaries."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.insight.detection.rules.detect import detect
from services.insight.detection.rules.vocabulary import (
    FeatureCounts,
    InsightType,
    Severity,
    Subject,
    SubjectKind,
)
from tests.judging import CLIENT, DEFAULTS, LAW, USER, WINDOWS, findings, only, snapshot, types

POWER, UPSELL, STUCK = (
    InsightType.POWER_USER,
    InsightType.UPSELL_OPPORTUNITY,
    InsightType.STUCK_USER,
)
KINDS = (Subject(SubjectKind.ORGANISATION), USER, CLIENT)
TIMES = "\N{MULTIPLICATION SIGN}"


@pytest.mark.parametrize("subject", KINDS)
@pytest.mark.parametrize(
    ("voice", "reports", "expected"),
    [
        (10, 10, set()),
        (0, 20, set()),
        (21, 0, {UPSELL}),
        (0, 21, {UPSELL}),
        (10, 11, {UPSELL}),
        (25, 25, {UPSELL}),
        (25, 26, {UPSELL, POWER}),
        (51, 0, {UPSELL, POWER}),
    ],
)
def test_twenty_and_fifty(
    subject: Subject, voice: int, reports: int, expected: set[InsightType]
) -> None:
    assert types(snapshot(subject, voice=voice, reports=reports)) == expected


def test_a_power_user_is_an_upsell_opportunity_too() -> None:
    """In the model code the one returned before the other could be found."""
    assert types(snapshot(voice=60)) == {POWER, UPSELL}


def test_what_a_power_user_says() -> None:
    found = findings(snapshot(CLIENT, voice=30, reports=21))[POWER, ""]
    assert (found.action, found.test) == ("tier_upgrade_suggestion", "count")
    assert found.parameters == {"voice": 30, "reports": 21}
    assert (found.confidence, found.weight) == (1, 0.85)
    assert found.rule == "30 + 21 = 51 > 50"
    assert found.window == WINDOWS.month
    assert found.would_change == "1 voice generation or report fewer in 30 days"
    assert found.message == (
        "This client made 30 voice generations and 21 reports in 30 days: suggest a higher tier."
    )


@pytest.mark.parametrize(
    ("recent", "previous", "expected"),
    [(40, 20, set()), (41, 20, {UPSELL}), (39, 19, set()), (200, 100, set()), (201, 100, {UPSELL})],
)
def test_use_that_more_than_doubles(recent: int, previous: int, expected: set[InsightType]) -> None:
    assert types(snapshot(recent=recent, previous=previous)) == expected


def test_what_a_doubling_says() -> None:
    """At least 41 of 61 heads: 0.4927 %."""
    found = only(snapshot(recent=41, previous=20))
    assert (found.action, found.test) == ("feature_highlight", "exact conditional test")
    assert found.rule == f"41 > 2 {TIMES} 20"
    assert found.would_change == "1 event fewer this week"
    assert found.confidence == pytest.approx(0.9950732759023704)
    assert found.weight == pytest.approx(0.7 * found.confidence)
    assert found.severity is Severity.LOW


def test_both_ways_into_upsell_are_one_finding() -> None:
    found = only(snapshot(recent=170, previous=20, voice=21))
    assert found.rule == f"21 + 0 = 21 > 20 and 170 > 2 {TIMES} 20"
    assert (found.confidence, found.weight, found.severity) == (1, 0.7, Severity.HIGH)
    assert found.would_change == (
        "1 voice generation or report fewer in 30 days and 130 events fewer this week"
    )


@pytest.mark.parametrize(
    ("count", "severity"),
    [
        (51, Severity.LOW),
        (100, Severity.LOW),
        (101, Severity.MEDIUM),
        (200, Severity.MEDIUM),
        (201, Severity.HIGH),
    ],
)
def test_severity_of_a_power_user(count: int, severity: Severity) -> None:
    assert findings(snapshot(voice=count))[POWER, ""].severity is severity


@pytest.mark.parametrize(
    ("recent", "severity"),
    [(80, Severity.LOW), (81, Severity.MEDIUM), (160, Severity.MEDIUM), (161, Severity.HIGH)],
)
def test_severity_of_a_doubling(recent: int, severity: Severity) -> None:
    assert only(snapshot(recent=recent, previous=20)).severity is severity


def test_whether_use_doubled_cannot_be_said_of_too_little() -> None:
    few = detect(snapshot(recent=30, previous=3), DEFAULTS).shortfalls
    assert {one.missing for one in few if one.insight_type is UPSELL} == {
        "previous_events: 3 of 20"
    }
    counted = detect(snapshot(recent=30, previous=3, voice=21), DEFAULTS).shortfalls
    assert UPSELL not in {one.insight_type for one in counted}


@pytest.mark.parametrize("subject", KINDS)
@pytest.mark.parametrize(("count", "expected"), [(5, set()), (6, {STUCK})])
def test_five_and_six_abandonments(
    subject: Subject, count: int, expected: set[InsightType]
) -> None:
    assert types(snapshot(subject, abandoned=count)) == expected


@pytest.mark.parametrize("subject", KINDS)
def test_who_is_stuck_is_told_with_the_feature(subject: Subject) -> None:
    """In the model code abandonments were counted for the organisation alone."""
    features = {"export": FeatureCounts(0, 6), "search": FeatureCounts(9, 5)}
    found = findings(snapshot(subject, abandoned=11, features=features))
    assert set(found) == {(STUCK, ""), (STUCK, "export")}
    assert found[STUCK, "export"].subject == Subject(subject.kind, subject.id, "export")
    assert found[STUCK, "export"].parameters == {"count": 6, "feature": "export"}
    assert found[STUCK, ""].parameters == {"count": 11}


def test_what_a_stuck_user_says() -> None:
    found = only(snapshot(USER, abandoned=7))
    assert (found.action, found.test, found.rule) == ("onboarding_assistance", "count", "7 > 5")
    assert (found.confidence, found.weight) == (1, 0.75)
    assert found.window == WINDOWS.recent
    assert found.would_change == "2 abandonments fewer in 7 days"
    assert found.message == "This user gave up features 7 times in a week: offer help."


@pytest.mark.parametrize(
    ("count", "severity"),
    [
        (6, Severity.MEDIUM),
        (10, Severity.MEDIUM),
        (11, Severity.HIGH),
        (20, Severity.HIGH),
        (21, Severity.CRITICAL),
    ],
)
def test_severity_of_being_stuck(count: int, severity: Severity) -> None:
    assert only(snapshot(abandoned=count)).severity is severity


def test_thresholds_are_those_of_the_settings() -> None:
    settings = replace(
        DEFAULTS, power_user_count=9, upsell_count=3, stuck_count=1, upsell_ratio=Fraction(3, 2)
    )
    assert types(snapshot(voice=9), settings) == {UPSELL}
    assert types(snapshot(voice=10), settings) == {UPSELL, POWER}
    assert types(snapshot(abandoned=2), settings) == {STUCK}
    assert types(snapshot(recent=30, previous=20), settings) == set()
    found = only(snapshot(recent=31, previous=20), settings)
    assert found.rule == f"31 > 1.5 {TIMES} 20"


def test_the_most_severe_comes_first() -> None:
    seen = snapshot(recent=5, previous=20, voice=60, abandoned=30)
    found = detect(seen, DEFAULTS).findings
    assert [one.insight_type for one in found] == [
        STUCK,
        InsightType.CHURN_RISK,
        UPSELL,
        POWER,
    ]
    assert [one.severity for one in found] == sorted((one.severity for one in found), reverse=True)


@LAW
@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_more_is_never_milder(one: int, other: int, reports: int) -> None:
    fewer, more = sorted((one, other))
    less, greater = (
        findings(snapshot(voice=count, reports=reports, abandoned=count)) for count in (fewer, more)
    )
    for kind, found in less.items():
        assert greater[kind].severity >= found.severity


@LAW
@given(st.integers(0, 500), st.integers(20, 500), st.integers(0, 100))
def test_what_is_said_to_change_a_doubling_does(recent: int, previous: int, voice: int) -> None:
    found = findings(snapshot(recent=recent, previous=previous, voice=voice)).get((UPSELL, ""))
    if found is None:
        return
    changes = {part.split()[1]: int(part.split()[0]) for part in found.would_change.split(" and ")}
    events, made = changes.get("event", changes.get("events", 0)), changes.get("voice", 0)
    after = types(snapshot(recent=recent - events, previous=previous, voice=voice - made))
    assert UPSELL not in after
