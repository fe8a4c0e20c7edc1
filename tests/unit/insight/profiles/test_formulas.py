"""The formulas of docs/profiles.md: their numbers, their bounds, and the laws that they keep."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.insight.profiles import rules
from services.insight.profiles.rules import Credits, Standing, Trend
from tests.profiling import (
    AREAS,
    BAD,
    GOOD,
    HIGH,
    MEDIUM,
    NEUTRAL,
    Deed,
    Offline,
    deeds,
    tally,
)

PASTS = st.lists(deeds(), max_size=40)
ACTIONS = st.lists(
    st.builds(
        Offline,
        st.integers(0, 300),
        st.sampled_from((GOOD, NEUTRAL, BAD)),
        st.sampled_from(("", *AREAS)),
    ),
    max_size=5,
)
NOTHING = Credits(0, 0, 0, 0)


def score(past: list[Deed], actions: list[Offline] | None = None) -> float:
    return rules.profile(tally(past, actions or [])).scaling_score


class TestNumbers:
    @pytest.mark.parametrize(
        ("standing", "expected"),
        [
            (Standing(0, 0, NOTHING, 0), 0),
            (Standing(120, 0, NOTHING, 0), 20),
            (Standing(360, 0, NOTHING, 0), 30),
            (Standing(0, 0, NOTHING, 1), 1.25),
            (Standing(0, 0, NOTHING, 20), 25),
            (Standing(0, 0, NOTHING, 28), 25),
            (Standing(0, 0, Credits(40, 0, 0, 0), 0), 1.875),
            (Standing(0, 0, Credits(40, 40, 40, 40), 0), 7.5),
            (Standing(0, 20, NOTHING, 0), 10),
            (Standing(0, 60, NOTHING, 0), 15),
            (Standing(120, 20, Credits(40, 40, 40, 40), 10), 50),
        ],
    )
    def test_scaling_score(self, standing: Standing, expected: float) -> None:
        assert rules.scaling_score(standing).whole == pytest.approx(expected)

    def test_a_day_weighs_half_after_four_weeks(self) -> None:
        fresh, old = tally([Deed(0, impact=HIGH)]), tally([Deed(28, impact=HIGH)])
        assert (fresh.points, old.points) == (5, 2.5)
        assert rules.standing_now(old).points == 2.5
        assert rules.standing_before(old).points == 5
        assert rules.standing_before(fresh).points == 0

    def test_an_example_by_hand(self) -> None:
        """Four high-impact exports today, a milestone of 15 points four weeks ago."""
        past = [Deed(0, "export_action", HIGH, "sales_execution")] * 4
        past += [Deed(28, "competency_milestone", HIGH, "sales_execution", 15)]
        found = rules.profile(tally(past))
        activity = 100 * 22.5 / 142.5  # 4 x 5 + 5 / 2
        sales = 100 * 21 / 61  # 4 x 3 + 18 / 2
        achievement = 100 * 5.5 / 25.5  # 4 + 3 / 2
        now = 0.4 * activity + 0.25 * 5 + 0.15 * sales / 4 + 0.2 * achievement
        before = 0.4 * 100 * 5 / 125 + 0.25 * 5 + 0.15 * 100 * 18 / 58 / 4 + 0.2 * 100 * 3 / 23
        assert found.scaling_score == pytest.approx(now)
        assert found.progression_rate == pytest.approx((now - before) / 4)
        assert found.competencies == pytest.approx(Credits(0, 0, sales, 0))

    @pytest.mark.parametrize(
        ("recent", "previous", "trend"),
        [
            (0, 0, Trend.STABLE),
            (3, 0, Trend.STABLE),
            (0, 3, Trend.STABLE),
            (4, 0, Trend.IMPROVING),
            (0, 4, Trend.DECLINING),
            (5, 4, Trend.STABLE),
            (6, 4, Trend.IMPROVING),
            (3, 4, Trend.STABLE),
            (2, 4, Trend.DECLINING),
            (10, 8, Trend.STABLE),
            (11, 8, Trend.IMPROVING),
            (6, 8, Trend.STABLE),
            (5, 8, Trend.DECLINING),
        ],
    )
    def test_a_trend_needs_more_than_a_quarter(
        self, recent: int, previous: int, trend: Trend
    ) -> None:
        assert rules.credibility_trend(recent, previous) is trend

    def test_high_impact_milestones_and_good_actions_make_the_trend(self) -> None:
        before = [Deed(28, impact=HIGH)] * 4
        assert rules.profile(tally(before)).credibility_trend is Trend.DECLINING
        milestone = [*before, Deed(27, "competency_milestone")]
        assert rules.profile(tally(milestone)).credibility_trend is Trend.STABLE
        good = [Offline(0, GOOD)] * 3 + [Offline(0, BAD)] * 3
        assert rules.profile(tally(milestone, good)).credibility_trend is Trend.IMPROVING
        assert rules.profile(tally(milestone, good[:2])).credibility_trend is Trend.STABLE


def risks(*past: Deed) -> list[str]:
    return [one.name for one in rules.risk_factors(tally(past))]


class TestRisks:
    @pytest.mark.parametrize(
        "ages",
        [
            [28],  # in no week of four
            [28, 0],  # in one
            [28, 13, 0],  # nothing from 27 to 14 days ago
            [28, 15, 0],  # nothing from 14 days ago to yesterday
            [28, 20, 14],  # silent for 14 days
        ],
    )
    def test_use_is_inconsistent(self, ages: list[int]) -> None:
        assert risks(*map(Deed, ages)) == ["inconsistent_system_usage"]

    @pytest.mark.parametrize(
        "ages",
        [
            [],
            [27],  # not known for four weeks yet
            [28, 14, 0],  # 13 days between
            [28, 14, 6],
            [28, 20, 13],  # silent for 13 days
        ],
    )
    def test_use_is_consistent_enough(self, ages: list[int]) -> None:
        assert risks(*map(Deed, ages)) == []

    @pytest.mark.parametrize(("high", "others"), [(0, 20), (1, 19), (2, 19)])
    def test_impact_is_low(self, high: int, others: int) -> None:
        past = [Deed(3, impact=HIGH)] * high + [Deed(3, impact=MEDIUM)] * others
        assert risks(*past) == ["low_business_impact_actions"]

    @pytest.mark.parametrize(("high", "others"), [(0, 19), (2, 18)])
    def test_impact_is_enough_or_not_known(self, high: int, others: int) -> None:
        past = [Deed(3, impact=HIGH)] * high + [Deed(3, impact=MEDIUM)] * others
        assert risks(*past) == []

    def test_low_impact_looks_at_four_weeks(self) -> None:
        assert risks(*[Deed(27)] * 19, Deed(28)) == ["inconsistent_system_usage"]
        old = [Deed(28, impact=HIGH)] * 50
        assert "low_business_impact_actions" in risks(*old, *[Deed(2)] * 20)

    def test_reasons_tell_the_numbers(self) -> None:
        found = rules.risk_factors(tally([Deed(40), *[Deed(1)] * 30]))
        assert [one.reason for one in found] == [
            "active in 1 of the last 4 weeks",
            "0 of 30 events of the last 28 days have high impact, below a tenth",
        ]


def actions(*past: Deed) -> list[str]:
    return [one.name for one in rules.profile(tally(past)).next_actions]


class TestNextActions:
    def test_what_is_against_a_risk_comes_first(self) -> None:
        found = actions(Deed(40), *[Deed(1)] * 30)
        assert found[:2] == ["resume_regular_use", "raise_business_impact"]

    def test_then_what_adds_most_to_the_score(self) -> None:
        """Regular, of much impact, in three competencies, with milestones and no export."""
        past = [
            Deed(age, "resource_generation", HIGH, area) for age in range(25) for area in AREAS[:3]
        ]
        assert actions(*past) == [
            "raise_business_impact",  # 40 x 31 %
            "develop_systematic_optimization",  # 15 x 42 %
            "export_results",  # 20 x 26 %
            "resume_regular_use",  # nothing is missing
            "record_customer_actions",
        ]

    @pytest.mark.parametrize(
        ("past", "step"),
        [
            ([Deed(0)], "create_resources"),
            ([Deed(0, "report_generated")], "export_results"),
            ([Deed(0, "report_generated"), Deed(0, "export_action")], "reach_milestone"),
        ],
    )
    def test_what_to_achieve(self, past: list[Deed], step: str) -> None:
        assert step in actions(*past)

    @given(PASTS)
    def test_at_most_five_each_once(self, past: list[Deed]) -> None:
        found = actions(*past)
        assert len(found) == len(set(found)) == 5


@pytest.mark.parametrize(
    ("ages", "missing"),
    [([], "active_days: 0 of 3"), ([1, 2, 2], "active_days: 2 of 3"), ([1, 2, 3], "")],
)
def test_three_days_are_enough(ages: list[int], missing: str) -> None:
    assert rules.profile(tally(map(Deed, ages))).missing == missing


class TestLaws:
    @given(PASTS, ACTIONS, st.integers(1, 10**9))
    def test_bounds_hold(self, past: list[Deed], offline: list[Offline], much: int) -> None:
        known = tally(past, offline)
        sums = {name: getattr(known, name) * much for name in ("points", "achievements", *AREAS)}
        found = rules.profile(known._replace(**sums))
        assert 0 <= found.scaling_score <= 100
        assert all(0 <= one <= 100 for one in found.competencies)
        assert -25 <= found.progression_rate <= 25

    @given(PASTS, ACTIONS, st.integers(0, 360), st.sampled_from(("", *AREAS)))
    def test_more_high_impact_use_never_lowers_a_score(
        self, past: list[Deed], offline: list[Offline], age: int, area: str
    ) -> None:
        less = rules.profile(tally(past, offline))
        more = rules.profile(tally([*past, Deed(age, impact=HIGH, area=area)], offline))
        assert more.scaling_score > less.scaling_score
        for one, other in zip(more.competencies, less.competencies, strict=True):
            assert one >= other

    @given(st.lists(deeds(), min_size=1, max_size=20), st.data())
    def test_higher_impact_of_the_same_use_never_lowers_it(
        self, past: list[Deed], data: st.DataObject
    ) -> None:
        chosen = data.draw(st.integers(0, len(past) - 1))
        raised = list(past)
        raised[chosen] = dataclasses.replace(past[chosen], impact=HIGH)
        assert score(raised) >= score(past)

    @given(PASTS, ACTIONS, st.integers(1, 200))
    def test_idle_time_lowers_it(self, past: list[Deed], offline: list[Offline], days: int) -> None:
        before = score(past, offline)
        later = [dataclasses.replace(one, age=one.age + days) for one in offline]
        after = score([deed.older(days) for deed in past], later)
        assert after < before or after == before == 0

    @given(PASTS)
    def test_progression_compares_with_the_score_of_four_weeks_ago(self, past: list[Deed]) -> None:
        earlier = [deed.older(-28) for deed in past if deed.age >= 28]
        rate = rules.profile(tally(past)).progression_rate
        assert rate == pytest.approx((score(past) - score(earlier)) / 4, abs=1e-9)
