"""feature_adoption and feature_abandonment at their boundaries."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.insight.detection.rules.detect import detect, detect_adoption
from services.insight.detection.rules.features import above
from services.insight.detection.rules.statistics import wilson
from services.insight.detection.rules.vocabulary import (
    FeatureCounts,
    InsightType,
    Population,
    Severity,
    Subject,
    SubjectKind,
)
from tests.judging import (
    CLIENT,
    DEFAULTS,
    LAW,
    USER,
    WINDOWS,
    adopted,
    adoptions,
    findings,
    snapshot,
    types,
)

GIVEN_UP = InsightType.FEATURE_ABANDONMENT
KINDS = (Subject(SubjectKind.ORGANISATION), USER, CLIENT)


@pytest.mark.parametrize(
    ("users", "active", "users_before", "active_before", "found"),
    [
        (6, 20, 4, 20, True),  # 30 % after 20 %: ten points
        (5, 20, 4, 20, False),
        (29, 100, 20, 100, False),
        (30, 100, 20, 100, True),
        (5, 50, 0, 50, True),  # a new feature: 10 % after none
        (4, 40, 0, 40, False),  # ten points, and too few adopters
        (299_999_999, 10**9, 200_000_000, 10**9, False),
        (300_000_000, 10**9, 200_000_000, 10**9, True),
        (5, 10, 20, 20, False),  # a share that fell
        (6, 10, 10, 20, True),  # fewer users, but more of those who are active
        (5, 10, 8, 20, True),
        (5, 10, 9, 20, False),
    ],
)
def test_ten_points_and_five_adopters(
    users: int, active: int, users_before: int, active_before: int, *, found: bool
) -> None:
    assert bool(adoptions(adopted(users, active, users_before, active_before))) is found


def test_what_an_adoption_says() -> None:
    """8 of 20 after 4 of 20. Fisher: at least 8 of the 12 users among 20 of 40."""
    (found,) = adoptions(adopted(8, 20, 4, 20))
    assert found.subject == Subject(SubjectKind.ORGANISATION, feature="reports")
    assert (found.action, found.test) == ("adoption_follow_up", "Fisher's exact test")
    ways = sum(math.comb(12, k) * math.comb(28, 20 - k) for k in range(8, 13))
    assert found.confidence == pytest.approx(1 - ways / math.comb(40, 20))
    assert found.weight == pytest.approx(0.5 * found.confidence)
    assert found.rule == "40 % - 20 % ≥ 10 points and 8 ≥ 5"
    assert found.parameters == {"feature": "reports", "count": 8}
    assert found.would_change == "3 adopters fewer this week"
    assert [(one.name, one.value, one.window) for one in found.measurements] == [
        ("adopters", 8, WINDOWS.recent),
        ("active_users", 20, WINDOWS.recent),
        ("adopters_before", 4, WINDOWS.previous),
        ("active_users_before", 20, WINDOWS.previous),
    ]


@pytest.mark.parametrize(("users", "severity"), [(39, Severity.LOW), (40, Severity.MEDIUM)])
def test_severity_of_an_adoption(users: int, severity: Severity) -> None:
    (found,) = adoptions(adopted(users, 100, 20, 100))
    assert found.severity is severity


def test_without_users_the_week_before_adoption_cannot_be_said() -> None:
    verdict = detect_adoption(adopted(9, 9, 0, 0), DEFAULTS)
    assert verdict.findings == []
    (missing,) = verdict.shortfalls
    assert missing.missing == "active_users_before: 0 of 1"
    assert missing.subject == Subject(SubjectKind.ORGANISATION)


def test_a_rise_of_a_handful_is_too_little_to_say() -> None:
    (missing,) = detect_adoption(adopted(4, 10, 0, 10), DEFAULTS).shortfalls
    assert (missing.missing, missing.subject.feature) == ("adopters: 4 of 5", "reports")
    assert detect_adoption(adopted(4, 10, 4, 10), DEFAULTS).shortfalls == ()


def test_nobody_active_is_no_adoption() -> None:
    assert detect_adoption(Population(WINDOWS, 0, 9), DEFAULTS).findings == []
    assert adoptions(adopted(0, 0, 5, 9)) == []


@LAW
@given(st.integers(1, 500), st.integers(0, 500), st.integers(1, 500), st.integers(0, 500))
def test_what_is_said_to_change_an_adoption_does(
    active: int, users: int, active_before: int, users_before: int
) -> None:
    users, users_before = min(users, active), min(users_before, active_before)
    for found in adoptions(adopted(users, active, users_before, active_before)):
        fewer = int(found.would_change.split()[0])
        assert 0 <= found.confidence <= 1
        assert not adoptions(adopted(users - fewer, active, users_before, active_before))
        assert adoptions(adopted(users - fewer + 1, active, users_before, active_before))


@pytest.mark.parametrize("subject", KINDS)
@pytest.mark.parametrize(
    ("used", "abandoned", "found"),
    [
        (10, 10, False),  # half of 20: the bound is 0.2993
        (9, 11, True),
        (0, 19, False),  # all of 19, which are too few
        (0, 20, True),
        (62, 38, False),
        (61, 39, True),  # 0.30017
        (672, 328, False),
        (671, 329, True),
        (700_000_000, 300_000_000, False),
        (699_900_000, 300_100_000, True),
    ],
)
def test_twenty_starts_and_a_bound_above_three_tenths(
    subject: Subject, used: int, abandoned: int, *, found: bool
) -> None:
    seen = snapshot(subject, features={"export": FeatureCounts(used, abandoned)})
    assert (GIVEN_UP in types(seen)) is found


def test_what_an_abandonment_says() -> None:
    features = {"export": FeatureCounts(6, 16), "search": FeatureCounts(40, 4)}
    found = findings(snapshot(USER, features=features))[GIVEN_UP, "export"]
    assert found.subject == Subject(SubjectKind.USER, "mia", "export")
    assert (found.action, found.test) == ("feature_review", "exact binomial test")
    assert found.rule == "Wilson's lower bound 0.5185 of 16 in 22 > 0.3"
    p = sum(math.comb(22, k) * 0.3**k * 0.7 ** (22 - k) for k in range(16, 23))
    assert found.confidence == pytest.approx(1 - p)
    assert found.weight == pytest.approx(0.6 * found.confidence)
    assert found.parameters == {"feature": "export", "count": 16}
    assert [(one.name, one.value) for one in found.measurements] == [
        ("abandonments", 16),
        ("uses", 6),
    ]


@pytest.mark.parametrize(
    ("used", "abandoned", "severity"),
    [
        (6, 14, Severity.MEDIUM),
        (5, 15, Severity.HIGH),
        (470, 530, Severity.MEDIUM),
        (469, 531, Severity.HIGH),
        (4903, 5097, Severity.MEDIUM),
        (4902, 5098, Severity.HIGH),  # the bound is one half exactly
    ],
)
def test_severity_of_an_abandonment(used: int, abandoned: int, severity: Severity) -> None:
    found = findings(snapshot(features={"export": FeatureCounts(used, abandoned)}))
    assert found[GIVEN_UP, "export"].severity is severity


def test_no_feature_with_starts_enough_is_too_little_to_say() -> None:
    features = {"export": FeatureCounts(9, 10), "search": FeatureCounts(2, 3)}
    shortfalls = detect(snapshot(CLIENT, features=features), DEFAULTS).shortfalls
    assert [one.missing for one in shortfalls if one.insight_type is GIVEN_UP] == [
        "starts: 19 of 20"
    ]
    features["search"] = FeatureCounts(20, 0)
    shortfalls = detect(snapshot(CLIENT, features=features), DEFAULTS).shortfalls
    assert GIVEN_UP not in {one.insight_type for one in shortfalls}


def test_all_seven_types_have_a_detector() -> None:
    """In the model code two had none, and a third could not be reached."""
    found = types(snapshot(recent=5, previous=20)) | types(snapshot(recent=7, previous=20))
    found |= types(snapshot(voice=51, abandoned=6, features={"export": FeatureCounts(0, 20)}))
    found |= {one.insight_type for one in adoptions(adopted(8, 20, 4, 20))}
    assert found == set(InsightType)


def test_every_finding_has_its_evidence() -> None:
    """In the model code an insight had neither subject nor window nor numbers."""
    features = {"export": FeatureCounts(0, 20)}
    seen = snapshot(USER, recent=5, previous=20, voice=51, abandoned=6, features=features)
    for one in detect(seen, DEFAULTS).findings:
        assert one.subject.id == "mia"
        assert one.window.start < one.window.end
        assert all((one.rule, one.test, one.would_change, one.action, one.message))
        assert one.measurements


def test_thresholds_are_those_of_the_settings() -> None:
    settings = replace(
        DEFAULTS,
        adoption_points=Fraction("2.5"),
        adoption_min_users=1,
        abandonment_share=Fraction("0.6"),
        abandonment_min_starts=40,
    )
    assert adoptions(adopted(1, 40, 0, 40), settings)
    assert not adoptions(adopted(24, 1000, 0, 40), settings)
    for used, abandoned, found in ((0, 39, False), (0, 40, True), (10, 30, False), (9, 31, True)):
        seen = snapshot(features={"export": FeatureCounts(used, abandoned)})
        assert (GIVEN_UP in types(seen, settings)) is found


@LAW
@given(st.integers(0, 3000), st.integers(0, 3000), st.integers(1, 99))
def test_the_bound_in_integers_is_wilsons(used: int, abandoned: int, percent: int) -> None:
    low, _ = wilson(abandoned, used + abandoned)
    share = Fraction(percent, 100)
    if abs(low - share) > 1e-9:
        assert above(abandoned, used + abandoned, share) == (low > share)


@LAW
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 10**6))
def test_more_abandonments_are_never_milder(used: int, abandoned: int, more: int) -> None:
    first, second = (
        findings(snapshot(features={"export": FeatureCounts(used, count)}))
        for count in (abandoned, abandoned + more)
    )
    for kind, found in first.items():
        assert second[kind].severity >= found.severity


@LAW
@given(st.integers(0, 10**5), st.integers(0, 10**5))
def test_what_is_said_to_change_an_abandonment_does(used: int, abandoned: int) -> None:
    def given_up(uses: int) -> bool:
        seen = snapshot(features={"export": FeatureCounts(uses, abandoned)})
        return GIVEN_UP in types(seen)

    found = findings(snapshot(features={"export": FeatureCounts(used, abandoned)}))
    if finding := found.get((GIVEN_UP, "export")):
        more = int(finding.would_change.split()[0])
        assert not given_up(used + more)
        assert given_up(used + more - 1)
