"""What counts as right: what has to happen after a warning for it to have come true.

An outcome is asked of a day: of what came before it, and of the days from it on. None says that
there is nothing to ask, for too little happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.insight.backtests.rules.history import FeatureSeries, Series
from services.insight.detection.rules.settings import DetectorSettings
from services.insight.detection.rules.vocabulary import InsightType

WEEK, FORTNIGHT, FOUR_WEEKS, MONTH = 7, 14, 28, 30
LOOKED_BACK = 60
"""The longest that any detector looks back."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a detector warns of."""

    words: str
    horizon: int
    """Days after which it is known."""
    lasts: bool
    """Whether it is something that goes on, rather than something that happens."""


OUTCOMES: Mapping[InsightType, Outcome] = {
    InsightType.CHURN_RISK: Outcome(
        "28 silent days in a row, which begin within 28 days of the warning",
        2 * FOUR_WEEKS,
        lasts=False,
    ),
    InsightType.DECLINING_USAGE: Outcome(
        "the 28 days after the warning have less than half the events of the 28 days before it",
        FOUR_WEEKS,
        lasts=False,
    ),
    InsightType.POWER_USER: Outcome(
        "more voice generations and reports than the threshold again, in the 30 days after",
        MONTH,
        lasts=True,
    ),
    InsightType.UPSELL_OPPORTUNITY: Outcome(
        "more voice generations and reports than the threshold again in the 30 days after, or use "
        "in the 28 days after beyond the ratio of that in the 28 days before the week of the rise",
        MONTH,
        lasts=True,
    ),
    InsightType.STUCK_USER: Outcome(
        "no use of the product, or of the feature it is about, in the 14 days after",
        FORTNIGHT,
        lasts=False,
    ),
    InsightType.FEATURE_ADOPTION: Outcome(
        "in the fourth week after, its share of the active users is still so many points above "
        "where it rose from",
        FOUR_WEEKS,
        lasts=True,
    ),
    InsightType.FEATURE_ABANDONMENT: Outcome(
        "the share given up in the 28 days after is still above the threshold",
        FOUR_WEEKS,
        lasts=True,
    ),
}


def leaves(series: Series, day: int, settings: DetectorSettings) -> bool | None:
    """churn_risk, of whoever was there in earnest in the 60 days before."""
    if series.events.between(day - LOOKED_BACK, day) < settings.min_previous_events:
        return None
    return series.events.longest_gap(day, day + 2 * FOUR_WEEKS) >= FOUR_WEEKS


def fades(series: Series, day: int, settings: DetectorSettings) -> bool | None:
    """declining_usage, of whoever was there in earnest in the four weeks before."""
    before = series.events.between(day - FOUR_WEEKS, day)
    if before < settings.min_previous_events:
        return None
    return 2 * series.events.between(day, day + FOUR_WEEKS) < before


def stays_powerful(series: Series, day: int, settings: DetectorSettings) -> bool | None:
    """power_user."""
    return _made(series, day) > settings.power_user_count


def grows(series: Series, day: int, settings: DetectorSettings) -> bool | None:
    """upsell_opportunity; whoever was not there for long has nothing to have grown from."""
    if _made(series, day) > settings.upsell_count:
        return True
    start = day - WEEK - FOUR_WEEKS
    first, base = series.events.first(), series.events.between(start, day - WEEK)
    if first is None or first > start or base < settings.min_previous_events:
        return None
    after, ratio = series.events.between(day, day + FOUR_WEEKS), settings.upsell_ratio
    return after * ratio.denominator > ratio.numerator * base


def turns_away(series: Series, day: int, settings: DetectorSettings) -> bool | None:
    """stuck_user, of whoever gave something up in the week before."""
    del settings  # no threshold says when somebody is gone
    if not series.abandoned.between(day - WEEK, day):
        return None
    return not series.events.between(day, day + FORTNIGHT)


def leaves_feature(feature: FeatureSeries, day: int) -> bool | None:
    """stuck_user in a feature, of whoever gave it up in the week before."""
    if not feature.abandoned.between(day - WEEK, day):
        return None
    return not feature.used.between(day, day + FORTNIGHT)


def stays_given_up(feature: FeatureSeries, day: int, settings: DetectorSettings) -> bool | None:
    """feature_abandonment; a feature that is hardly started any more says nothing."""
    abandoned = feature.abandoned.between(day, day + FOUR_WEEKS)
    starts = abandoned + feature.used.between(day, day + FOUR_WEEKS)
    if starts < settings.abandonment_min_starts:
        return None
    share = settings.abandonment_share
    return abandoned * share.denominator > share.numerator * starts


def stays_adopted(
    users: int, active: int, users_before: int, active_before: int, settings: DetectorSettings
) -> bool | None:
    """feature_adoption, by the fourth week after and the week before the rise."""
    if not active or not active_before:
        return None
    points = settings.adoption_points
    rise = 100 * (users * active_before - users_before * active) * points.denominator
    enough = users >= settings.adoption_min_users
    return enough and rise >= points.numerator * active * active_before


BySubject = Callable[[Series, int, DetectorSettings], bool | None]

OF_SUBJECTS: Mapping[InsightType, BySubject] = {
    InsightType.CHURN_RISK: leaves,
    InsightType.DECLINING_USAGE: fades,
    InsightType.POWER_USER: stays_powerful,
    InsightType.UPSELL_OPPORTUNITY: grows,
    InsightType.STUCK_USER: turns_away,
}


def _made(series: Series, day: int) -> int:
    return series.voice.between(day, day + MONTH) + series.reports.between(day, day + MONTH)
