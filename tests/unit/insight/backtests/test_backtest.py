"""Histories whose warnings and outcomes are known by construction, and the score they must have.

Runs are seven days apart from day 14 on: 14, 21, 28, …
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from services.insight.backtests.rules.backtest import backtest, snapshot_of, windows_of
from services.insight.backtests.rules.history import (
    Counts,
    FeatureSeries,
    History,
    Series,
    Span,
)
from services.insight.backtests.rules.outcomes import OUTCOMES
from services.insight.backtests.rules.scores import Report, Run, Tally
from services.insight.detection.rules.statistics import fall, wilson
from services.insight.detection.rules.vocabulary import (
    ORGANISATION,
    InsightType,
    Subject,
    SubjectKind,
)
from tests.judging import DEFAULTS, LAW

SPAN = Span(date(2025, 1, 1), 140)
NOBODY = Series(ORGANISATION)
MEASURES = ("events", "voice", "reports", "abandoned")


def daily(number: int, start: int, end: int) -> dict[int, int]:
    """So many on each day from one to before another."""
    return dict.fromkeys(range(start, end), number)


def user(name: str = "mia", features: Mapping[str, Any] | None = None, **days: Any) -> Series:
    counts = {measure: Counts(days.get(measure, {})) for measure in MEASURES}
    return Series(Subject(SubjectKind.USER, name), **counts, features=features or {})


def judged(
    *subjects: Series, span: Span = SPAN, organisation: Series = NOBODY
) -> dict[InsightType, Report]:
    history = History(span, organisation, subjects, len(subjects))
    reports = backtest(history, DEFAULTS, 7)
    assert [one.insight_type for one in reports] == list(InsightType)
    return {one.insight_type: one for one in reports}


def score(report: Report) -> tuple[int, int, int, int, int]:
    return (report.alerts, report.judged, report.true_alerts, report.outcomes, report.foreseen)


def test_somebody_who_stops_is_warned_of_and_the_warning_comes_true() -> None:
    """Ten a day until day 42: the run of day 49 sees 0 after 70. 28 silent days end on day 70."""
    report = judged(user(events=daily(10, 0, 42)))[InsightType.CHURN_RISK]
    assert score(report) == (1, 1, 1, 1, 1)
    assert (report.precision, report.recall, report.lead_days) == (1.0, 1.0, 21)
    assert report.brier_score == pytest.approx(0, abs=1e-12)


def test_somebody_who_comes_back_was_no_loss() -> None:
    """A week off: the warning is wrong, and nothing happened that had to be foreseen."""
    events = daily(10, 0, 42) | daily(10, 49, 140)
    report = judged(user(events=events))[InsightType.CHURN_RISK]
    assert score(report) == (1, 1, 0, 0, 0)
    assert (report.precision, report.recall) == (0.0, None)
    assert report.brier_score == pytest.approx(1)


def test_somebody_who_fades_away_slowly_is_lost_without_a_warning() -> None:
    """Each week has three quarters of the one before: no week falls enough, and then 19 are too
    few to compare with."""
    weekly = [40, 30, 23, 18, 13, 10, 8, 6]
    events = {7 * week: number for week, number in enumerate(weekly)}
    report = judged(user(events=events))[InsightType.CHURN_RISK]
    assert score(report) == (0, 0, 0, 1, 0)
    assert (report.precision, report.recall) == (None, 0.0)


def test_precision_and_recall_of_many() -> None:
    """Three leave and are warned of, two take a week off, one leaves unseen."""
    leavers = [user(f"l{n}", events=daily(10, 0, 42)) for n in range(3)]
    holidays = [user(f"h{n}", events=daily(10, 0, 42) | daily(10, 49, 140)) for n in range(2)]
    unseen = user("u", events={7 * week: n for week, n in enumerate([40, 30, 23, 18, 13, 10, 8])})
    report = judged(*leavers, *holidays, unseen)[InsightType.CHURN_RISK]
    assert score(report) == (5, 5, 3, 4, 3)
    assert (report.precision, report.recall) == (3 / 5, 3 / 4)
    assert report.precision_interval == wilson(3, 5)
    assert report.recall_interval == wilson(3, 4)


def test_a_warning_is_judged_when_its_time_has_passed_and_not_before() -> None:
    """The warning of day 49 has 56 days to come true: until day 105."""
    subject = user(events=daily(10, 0, 42))
    early = judged(subject, span=Span(SPAN.first, 104))[InsightType.CHURN_RISK]
    assert (early.alerts, early.judged, early.precision) == (1, 0, None)
    assert judged(subject, span=Span(SPAN.first, 105))[InsightType.CHURN_RISK].judged == 1


def test_a_warning_that_goes_on_is_one_warning() -> None:
    """Fifty voice generations and more, seen by many runs in a row."""
    report = judged(user(events=daily(4, 0, 140), voice=daily(4, 0, 140)))[InsightType.POWER_USER]
    assert score(report) == (1, 1, 1, 1, 1)
    assert report.lead_days == 30


def test_a_burst_is_no_power_user_for_long() -> None:
    """51 on the days 30 to 34: the next month has none; the month before them could not know."""
    voice = {30: 11} | daily(10, 31, 35)
    report = judged(user(events=daily(1, 0, 140) | voice, voice=voice))[InsightType.POWER_USER]
    assert score(report) == (1, 1, 0, 1, 0)


def test_use_that_halves_for_good_is_a_decline() -> None:
    """70 a week, then 28: the run of day 49 sees 28 after 70, and 112 follow after 238."""
    report = judged(user(events=daily(10, 0, 42) | daily(4, 42, 140)))[InsightType.DECLINING_USAGE]
    assert score(report) == (1, 1, 1, 1, 1)
    confidence = 1 - fall(28, 70, 7, 7)
    assert report.brier_score == pytest.approx((confidence - 1) ** 2)
    assert report.lead_days == 21  # known on day 70: 112 follow 280 of the days before day 42


def test_churn_risk_warns_of_a_decline_too() -> None:
    """70 a week, then 14: graver than declining_usage, which says nothing."""
    reports = judged(user(events=daily(10, 0, 42) | daily(2, 42, 140)))
    assert score(reports[InsightType.DECLINING_USAGE]) == (0, 0, 0, 1, 1)
    assert score(reports[InsightType.CHURN_RISK]) == (1, 1, 0, 0, 0)


def test_growth_that_lasts() -> None:
    report = judged(user(events=daily(5, 0, 42) | daily(15, 42, 140)))
    assert score(report[InsightType.UPSELL_OPPORTUNITY]) == (1, 1, 1, 1, 1)


def test_growth_of_a_week() -> None:
    events = daily(5, 0, 42) | daily(15, 42, 49) | daily(5, 49, 140)
    report = judged(user(events=events))
    assert score(report[InsightType.UPSELL_OPPORTUNITY]) == (1, 1, 0, 0, 0)


def test_whoever_is_new_has_nothing_to_grow_from() -> None:
    """From the first day on 3, then 9 a day: the 28 days before the rise are not all there."""
    report = judged(user(events=daily(3, 0, 14) | daily(9, 14, 140)))
    assert score(report[InsightType.UPSELL_OPPORTUNITY]) == (1, 0, 0, 0, 0)


@pytest.mark.parametrize(("back", "true"), [(55, 0), (63, 1)])
def test_who_is_stuck_and_turns_away(back: int, true: int) -> None:
    """Six abandonments on day 48: right if nothing follows on the days 49 to 62."""
    events = daily(3, 0, 49) | daily(3, back, 140)
    report = judged(user(events=events, abandoned={48: 6}))[InsightType.STUCK_USER]
    assert score(report) == (1, 1, true, true, true)
    assert report.lead_days == 14 * true


def test_who_is_stuck_in_a_feature_and_leaves_it_while_using_others() -> None:
    features = {"export": FeatureSeries(Counts(daily(1, 0, 48)), Counts({48: 6}))}
    report = judged(user(events=daily(3, 0, 140), abandoned={48: 6}, features=features))
    # The product is used on, the feature is not: one of two warnings is right.
    assert score(report[InsightType.STUCK_USER]) == (2, 2, 1, 1, 1)


@pytest.mark.parametrize(("uses", "outcome"), [(0, True), (9, False)])
def test_a_feature_that_goes_on_being_given_up(uses: int, *, outcome: bool) -> None:
    """Three of three starts a day from day 42 on; from day 63 on with so many uses beside them."""
    feature = FeatureSeries(Counts(daily(uses, 63, 140) if uses else {}), Counts(daily(3, 42, 140)))
    subject = user(events=daily(12, 0, 140), features={"export": feature})
    report = judged(subject)[InsightType.FEATURE_ABANDONMENT]
    assert (report.alerts, report.judged) == (1, 1)
    assert report.true_alerts == 1  # 84 given up of 84, or of 84 + 9 · 14: still above 0.3
    quiet = FeatureSeries(Counts(daily(uses * 3, 49, 140)), Counts(daily(3, 42, 140)))
    after = judged(user(events=daily(12, 0, 140), features={"export": quiet}))
    assert (after[InsightType.FEATURE_ABANDONMENT].true_alerts == 1) is outcome


@pytest.mark.parametrize(("until", "true"), [(140, 1), (77, 1), (70, 0)])
def test_a_feature_that_wins_users(until: int, true: int) -> None:
    """Ten users, of whom six use a new feature from day 42 on: right if they still do in the
    fourth week after the run of day 49, the days 70 to 76."""
    uses = {"reports": FeatureSeries(Counts(daily(1, 42, until)))}
    users = [user(f"u{n}", events=daily(2, 0, 140), features=uses) for n in range(6)]
    users += [user(f"o{n}", events=daily(2, 0, 140)) for n in range(4)]
    report = judged(*users)[InsightType.FEATURE_ADOPTION]
    assert (report.alerts, report.judged, report.true_alerts) == (1, 1, true)


def test_the_organisation_is_judged_like_its_users() -> None:
    organisation = Series(ORGANISATION, events=Counts(daily(10, 0, 42)))
    assert score(judged(organisation=organisation)[InsightType.CHURN_RISK]) == (1, 1, 1, 1, 1)


def test_days_before_the_interval_are_looked_back_at_and_not_judged() -> None:
    subject = user(events=daily(5, 0, 42))
    late = judged(subject, span=Span(SPAN.first, 140, judged_from=56))[InsightType.CHURN_RISK]
    assert late.alerts == 0
    here = judged(subject, span=Span(SPAN.first, 140, judged_from=49))[InsightType.CHURN_RISK]
    assert here.alerts == 1


def test_nothing_is_an_answer() -> None:
    for report in judged(span=Span(SPAN.first, 0)).values():
        assert score(report) == (0, 0, 0, 0, 0)
        assert (report.precision, report.recall) == (None, None)
        assert report.outcome == OUTCOMES[report.insight_type].words


@pytest.mark.parametrize(("day", "lead"), [(14, 28), (35, 7), (42, 0)])
def test_a_warning_after_the_fact_foresaw_nothing(day: int, lead: int) -> None:
    """A decline that begins on day 14 has halved use on day 42."""
    tally = Tally(InsightType.DECLINING_USAGE)
    tally.add([Run(one, None, came_true=True, warned=one == day) for one in range(14, 70, 7)])
    report = tally.report()
    assert (report.outcomes, report.foreseen, report.lead_days) == (1, int(lead > 0), lead)


def test_progress_is_told_to_the_end() -> None:
    told: list[float] = []
    subjects = [user(f"u{n}", events=daily(1, 0, 50)) for n in range(4)]
    backtest(History(SPAN, Series(ORGANISATION), subjects, 4), DEFAULTS, 7, told.append)
    assert told == [0.25, 0.5, 0.75, 1.0]


def test_a_snapshot_holds_the_days_of_its_windows() -> None:
    """Each day its own power of two, so that a sum says which days are in it."""
    each = Counts({day: 2**day for day in range(100)})
    subject = Series(Subject(SubjectKind.USER, "mia"), each, each, each, each)
    seen = snapshot_of(subject, windows_of(SPAN, 70), 70)
    assert seen.recent == 2**70 - 2**63
    assert seen.previous == 2**63 - 2**56
    assert seen.silent == 2**70 - 2**56
    assert seen.busy == 2**56 - 2**10
    assert seen.voice == seen.reports == 2**70 - 2**40
    assert seen.abandoned == 2**70 - 2**63


DAYS = st.dictionaries(st.integers(0, 99), st.integers(1, 9), max_size=30)


@LAW
@given(DAYS, st.integers(-5, 105), st.integers(-5, 105))
def test_sums_and_gaps_are_those_of_the_days(by_day: dict[int, int], one: int, other: int) -> None:
    start, end = sorted((one, other))
    counts = Counts(by_day)
    within = [by_day.get(day, 0) for day in range(start, end)]
    assert counts.between(start, end) == sum(within)
    assert counts.any(start, end) == any(within)
    assert counts.longest_gap(start, end) == longest(n == 0 for n in within)


def longest(flags: Iterable[bool]) -> int:
    runs = (list(group) for flag, group in itertools.groupby(flags) if flag)
    return max((len(run) for run in runs), default=0)


@hypothesis_settings(max_examples=40, deadline=None)
@given(st.lists(DAYS, max_size=6), DAYS)
def test_scores_add_up(histories: list[dict[int, int]], abandoned: dict[int, int]) -> None:
    """Whatever happened: parts are no larger than wholes, and the order of users does not count."""
    subjects = [
        user(
            f"u{n}",
            events={day: 5 * count for day, count in days.items()},
            voice=days,
            abandoned=abandoned,
            features={"export": FeatureSeries(Counts(days), Counts(abandoned))},
        )
        for n, days in enumerate(histories)
    ]
    reports = judged(*subjects)
    for report in reports.values():
        assert 0 <= report.true_alerts <= report.judged <= report.alerts
        assert 0 <= report.foreseen <= report.outcomes
        assert 0 <= report.brier_score <= 1
        assert 0 <= report.lead_days <= OUTCOMES[report.insight_type].horizon
    for insight_type, report in judged(*reversed(subjects)).items():
        same = replace(report, brier_score=reports[insight_type].brier_score)
        assert same == reports[insight_type]
        assert report.brier_score == pytest.approx(same.brier_score)
