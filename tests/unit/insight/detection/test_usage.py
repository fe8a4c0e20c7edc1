"""churn_risk and declining_usage at their boundaries, both sides of each."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.insight.detection.rules.detect import detect
from services.insight.detection.rules.settings import DetectorSettings
from services.insight.detection.rules.vocabulary import (
    Fleet,
    InsightType,
    Severity,
    Subject,
    SubjectKind,
    Window,
)
from tests.judging import (
    AS_OF,
    CLIENT,
    DEFAULTS,
    LAW,
    USER,
    WINDOWS,
    findings,
    only,
    snapshot,
    types,
)

CHURN, DECLINE = InsightType.CHURN_RISK, InsightType.DECLINING_USAGE
FALLING = {CHURN, DECLINE}
KINDS = (Subject(SubjectKind.ORGANISATION), USER, CLIENT)
COUNTS = st.integers(0, 10**9)


def falling(recent: int, previous: int, settings: DetectorSettings = DEFAULTS) -> Any:
    """The one of the two that is found, or None."""
    found = types(snapshot(recent=recent, previous=previous), settings) & FALLING
    assert len(found) <= 1
    return next(iter(found), None)


@pytest.mark.parametrize(
    ("recent", "previous", "expected"),
    [
        (0, 20, CHURN),
        (5, 20, CHURN),
        (6, 20, DECLINE),
        (7, 20, DECLINE),
        (9, 20, DECLINE),
        (10, 20, None),
        (20, 20, None),
        (29, 100, CHURN),
        (30, 100, DECLINE),
        (49, 100, DECLINE),
        (50, 100, None),
        (6, 21, CHURN),  # 6 < 6.3
        (7, 21, DECLINE),
        (10, 21, DECLINE),  # 10 < 10.5
        (11, 21, None),
        (299_999_999, 10**9, CHURN),
        (300_000_000, 10**9, DECLINE),
        (499_999_999, 10**9, DECLINE),
        (500_000_000, 10**9, None),
    ],
)
def test_both_sides_of_both_thresholds(recent: int, previous: int, expected: Any) -> None:
    assert falling(recent, previous) == expected


@pytest.mark.parametrize("subject", KINDS)
def test_it_holds_for_organisations_users_and_clients_alike(subject: Subject) -> None:
    found = findings(snapshot(subject, recent=5, previous=20))
    assert found[CHURN, ""].subject == subject


def test_three_tenths_is_exact() -> None:
    """As floats, three tenths of much are a little less or more, and the verdict with them."""
    settings = replace(DEFAULTS, min_previous_events=1)
    assert falling(3, 10, settings) == DECLINE
    assert falling(30_000_000_000_000_003, 100_000_000_000_000_000, settings) == DECLINE
    assert falling(30_000_000_000_000_000, 100_000_000_000_000_001, settings) == CHURN


def test_a_sharp_fall_is_churn_risk_and_not_a_mere_decline() -> None:
    """In the model code the decline returned first, and churn_risk could not be reached."""
    assert types(snapshot(recent=1, previous=100)) & FALLING == {CHURN}


def test_a_complete_stop_is_the_worst_and_not_nothing() -> None:
    """In the model code zero recent events were falsy, and silence went unnoticed."""
    found = only(snapshot(recent=0, previous=20))
    assert (found.insight_type, found.severity) == (CHURN, Severity.CRITICAL)
    assert found.parameters == {"percent_drop": 100}


def test_two_to_none_is_no_crisis_but_too_little_to_say() -> None:
    verdict = detect(snapshot(recent=0, previous=2), DEFAULTS)
    assert verdict.findings == []
    missing = {one.insight_type: one.missing for one in verdict.shortfalls}
    assert missing[CHURN] == missing[DECLINE] == "previous_events: 2 of 20"


@pytest.mark.parametrize(("previous", "expected"), [(19, None), (20, CHURN)])
def test_the_smallest_sample(previous: int, expected: Any) -> None:
    assert falling(0, previous) == expected
    shortfalls = detect(snapshot(previous=previous), DEFAULTS).shortfalls
    told = {one.insight_type for one in shortfalls} & FALLING
    assert told == (set() if expected else FALLING)


@pytest.mark.parametrize(("busy", "expected"), [(300, set()), (301, {CHURN})])
def test_the_silent_organisation(busy: int, expected: set[InsightType]) -> None:
    seen = snapshot(busy=busy)
    assert types(seen) == expected
    shortfalls = detect(seen, DEFAULTS).shortfalls
    assert ({one.insight_type for one in shortfalls} & FALLING == set()) == bool(expected)


def test_silence_is_critical_and_says_what_was_before() -> None:
    found = only(snapshot(busy=301))
    assert found.severity is Severity.CRITICAL
    assert found.rule == "0 events in 14 days, after 301 > 300"
    assert [(one.name, one.value) for one in found.measurements] == [
        ("recent_events", 0),
        ("previous_events", 301),
    ]
    assert found.window == Window(WINDOWS.busy.start, AS_OF)
    assert found.would_change == "1 event more in the last two weeks"


def test_one_event_within_two_weeks_is_no_silence() -> None:
    assert types(snapshot(busy=1000, previous=1)) == set()


@pytest.mark.parametrize(
    ("recent", "previous", "severity"),
    [(0, 20, Severity.CRITICAL), (1, 20, Severity.HIGH), (6, 20, Severity.MEDIUM)],
)
def test_severity(recent: int, previous: int, severity: Severity) -> None:
    assert only(snapshot(recent=recent, previous=previous)).severity is severity


def test_what_a_finding_says() -> None:
    found = only(snapshot(USER, recent=5, previous=20))
    assert (found.action, found.rule) == ("urgent_outreach", "5 < 0.3 \N{MULTIPLICATION SIGN} 20")
    assert found.test == "exact conditional test"
    assert found.message == "This user went from 20 events to 5 in a week: get in touch now."
    assert found.would_change == "1 event more this week"
    assert found.parameters == {"percent_drop": 75}
    assert [(one.name, one.value, one.window) for one in found.measurements] == [
        ("recent_events", 5, WINDOWS.recent),
        ("previous_events", 20, WINDOWS.previous),
    ]
    assert found.window == Window(WINDOWS.previous.start, AS_OF)


def test_what_a_decline_says() -> None:
    found = only(snapshot(recent=7, previous=20))
    times = "\N{MULTIPLICATION SIGN}"
    assert found.action == "engagement_campaign"
    assert found.rule == f"0.3 {times} 20 ≤ 7 < 0.5 {times} 20"
    assert found.parameters == {"percent_drop": 65}
    assert found.would_change == "3 events more this week; 2 events fewer would be churn_risk"


@pytest.mark.parametrize(
    ("recent", "previous", "percent"), [(7, 20, 65), (1, 3, 67), (3, 8, 63), (125, 1000, 88)]
)
def test_the_drop_in_percent_is_rounded_halves_up(recent: int, previous: int, percent: int) -> None:
    settings = replace(DEFAULTS, min_previous_events=1)
    found = only(snapshot(recent=recent, previous=previous), settings)
    assert found.parameters["percent_drop"] == percent


def test_confidence_worked_out_by_hand() -> None:
    """20 heads in a row: 1 in 2^20; at most 5 of 25: 68,406 ways of 2^25."""
    assert only(snapshot(recent=0, previous=20)).confidence == pytest.approx(1 - 2**-20)
    found = only(snapshot(recent=5, previous=20))
    assert found.confidence == pytest.approx(1 - 68_406 / 2**25)
    assert found.weight == pytest.approx(0.9 * found.confidence)
    decline = only(snapshot(recent=6, previous=20))
    assert decline.confidence == pytest.approx(1 - 313_912 / 2**26)
    assert decline.weight == pytest.approx(0.8 * decline.confidence)


def test_the_counts_decide_and_the_time_watched_says_how_sure() -> None:
    """Six of thirteen days were recent: a user's running day has only begun."""
    six = Window(AS_OF - timedelta(days=6), AS_OF)
    previous = Window(AS_OF - timedelta(days=13), AS_OF - timedelta(days=6))
    windows = replace(WINDOWS, recent=six, previous=previous)
    found = only(snapshot(USER, windows, recent=0, previous=20))
    assert found.confidence == pytest.approx(1 - (7 / 13) ** 20)
    assert types(snapshot(USER, windows, recent=6, previous=20)) == {DECLINE}


def test_silence_is_weighed_by_the_times_too() -> None:
    settings = replace(DEFAULTS, silence_min_events=3)
    found = only(snapshot(busy=4), settings)
    assert found.confidence == pytest.approx(1 - (46 / 60) ** 4)


@pytest.mark.parametrize("subject", [USER, CLIENT])
@pytest.mark.parametrize(("fleet", "crisis"), [(79, False), (80, True)])
def test_a_holiday_of_everybody_is_nobodys_crisis(
    subject: Subject, fleet: int, *, crisis: bool
) -> None:
    settings = replace(DEFAULTS, fleet_ratio=Fraction(4, 5))
    for seen in (
        snapshot(subject, recent=5, previous=20),
        snapshot(subject, recent=7, previous=20),
        snapshot(subject, busy=301),
    ):
        found = types(seen, settings, Fleet(fleet, 100)) & FALLING
        assert bool(found) is crisis
        assert types(seen, DEFAULTS, Fleet(fleet, 100)) & FALLING  # asked for, or not at all


def test_the_organisation_itself_is_not_excused_by_its_own_fall() -> None:
    settings = replace(DEFAULTS, fleet_ratio=Fraction(4, 5))
    assert types(snapshot(recent=5, previous=20), settings, Fleet(5, 20)) == {CHURN}


def test_thresholds_are_those_of_the_settings() -> None:
    settings = replace(
        DEFAULTS,
        churn_ratio=Fraction("0.1"),
        decline_ratio=Fraction("0.2"),
        min_previous_events=200,
        silence_min_events=10,
    )
    assert falling(19, 200, settings) == CHURN
    assert falling(20, 200, settings) == DECLINE
    assert falling(39, 200, settings) == DECLINE
    assert falling(40, 200, settings) is None
    assert falling(0, 199, settings) is None
    assert types(snapshot(busy=11), settings) == {CHURN}


def test_equal_ratios_leave_no_room_for_declining() -> None:
    settings = replace(DEFAULTS, churn_ratio=Fraction(1, 2))
    assert [falling(recent, 20, settings) for recent in (9, 10)] == [CHURN, None]


@LAW
@given(COUNTS, COUNTS, COUNTS)
def test_fewer_recent_events_are_never_milder(one: int, other: int, previous: int) -> None:
    fewer, more = sorted((one, other))
    assert _rank(fewer, previous) >= _rank(more, previous)


def _rank(recent: int, previous: int) -> tuple[int, float]:
    found = detect(snapshot(recent=recent, previous=previous), DEFAULTS).findings
    fallen = [one for one in found if one.insight_type in FALLING]
    return (fallen[0].severity, fallen[0].confidence) if fallen else (0, 0.0)


@LAW
@given(COUNTS, st.integers(20, 10**9))
def test_what_is_said_to_change_it_does(recent: int, previous: int) -> None:
    found = falling(recent, previous)
    if found is None:
        return
    finding = findings(snapshot(recent=recent, previous=previous))[found, ""]
    more = int(finding.would_change.split()[0])
    assert falling(recent + more, previous) != found
    assert falling(recent + more - 1, previous) == found
    if "; " in finding.would_change:
        fewer = int(finding.would_change.partition("; ")[2].split()[0])
        assert falling(recent - fewer, previous) == CHURN
        assert falling(recent - fewer + 1, previous) == DECLINE


@LAW
@given(st.integers(0, 10**4), st.integers(20, 10**4), st.integers(1, 1000))
def test_ten_times_as_much_of_both_is_judged_alike_and_no_less_surely(
    recent: int, previous: int, scale: int
) -> None:
    found = falling(recent, previous)
    assert falling(recent * scale, previous * scale) == found
    if found:
        small = findings(snapshot(recent=recent, previous=previous))[found, ""]
        large = findings(snapshot(recent=recent * scale, previous=previous * scale))[found, ""]
        assert large.severity == small.severity
        assert large.confidence >= small.confidence - 1e-12


@LAW
@given(COUNTS, COUNTS, COUNTS)
def test_bounds_hold(recent: int, previous: int, busy: int) -> None:
    for found in detect(snapshot(recent=recent, previous=previous, busy=busy), DEFAULTS).findings:
        assert 0 <= found.confidence <= 1
        assert found.weight == DEFAULTS.weights.of(found.insight_type) * found.confidence
