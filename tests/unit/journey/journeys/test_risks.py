"""Risks: when each holds, to the microsecond, what it says, and when it clears.

Those of projects, features and tickets have a file of their own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from services.journey.journeys.rules.facts import Facts, derive
from services.journey.journeys.rules.risks import findings
from services.journey.journeys.rules.settings import JourneySettings, RiskRule, Thresholds
from services.journey.journeys.rules.standing import Standing
from services.journey.journeys.rules.vocabulary import (
    DAY,
    Happening,
    Risk,
)
from tests.journeys import DEFAULTS, ENGAGED, MICRO, NOW, client, event, found, risks, troubled


def limits(**thresholds: int) -> JourneySettings:
    return replace(DEFAULTS, thresholds=Thresholds(**thresholds))


class TestLowEngagement:
    @pytest.mark.parametrize(
        ("ages", "holds"),
        [
            ([], True),
            ([1], True),
            ([1, 2], True),
            ([1, 2, 3], False),
            ([1, 1, 1], False),
            ([0, 0, 0], False),
            ([1, 2, 29], False),
            ([1, 2, 30 - MICRO], False),
            ([1, 2, 30], True),
            ([1, 2, 31], True),
            ([40, 50, 60, 70], True),
        ],
    )
    def test_fewer_than_three_events_in_thirty_days(
        self, ages: list[float], *, holds: bool
    ) -> None:
        assert (Risk.LOW_ENGAGEMENT in risks(client(*map(event, ages)))) is holds

    @pytest.mark.parametrize(
        ("known_days", "holds"), [(0, False), (13, False), (14 - MICRO, False), (14, True)]
    )
    def test_a_new_client_is_not_called_disengaged_at_birth(
        self, known_days: float, *, holds: bool
    ) -> None:
        assert (Risk.LOW_ENGAGEMENT in risks(client(created_days_ago=known_days))) is holds

    def test_the_first_days_begin_with_the_earlier_of_creation_and_first_event(self) -> None:
        assert risks(client(event(20), created_days_ago=1)) == {Risk.LOW_ENGAGEMENT}
        assert risks(client(event(1), created_days_ago=20)) == {Risk.LOW_ENGAGEMENT}
        assert risks(client(event(1), created_days_ago=2)) == set()

    def test_what_it_says(self) -> None:
        finding = found(client(event(1), event(29), event(31), event(45)))[Risk.LOW_ENGAGEMENT]
        assert finding.evidence == "2 events in 30 days, fewer than 3"
        assert finding.numbers == {"events_in_30_days": 2, "threshold": 3}
        assert finding.clears_when == "3 events within 30 days"
        assert finding.since == NOW - 15 * DAY, "when the event of 45 days ago left the window"

    def test_of_one_event_it_speaks_in_the_singular(self) -> None:
        finding = found(client(event(1)))[Risk.LOW_ENGAGEMENT]
        assert finding.evidence == "1 event in 30 days, fewer than 3"

    def test_who_never_did_anything_is_disengaged_since_the_first_days_ended(self) -> None:
        assert found(client(created_days_ago=100))[Risk.LOW_ENGAGEMENT].since == NOW - 86 * DAY

    def test_since_is_unknown_when_older_events_would_tell(self) -> None:
        far_apart = [event(16 * place) for place in range(1, 22)]
        assert found(client(*far_apart))[Risk.LOW_ENGAGEMENT].since is None
        assert found(client(*far_apart[:20]))[Risk.LOW_ENGAGEMENT].since == NOW - 386 * DAY

    def test_its_numbers_are_settings(self) -> None:
        settings = limits(engagement_min_events=2, engagement_days=7, engagement_grace_days=0)
        assert found(client(event(1), event(7), created_days_ago=8), settings)
        assert not found(client(event(1), event(6), created_days_ago=8), settings)
        finding = found(client(), settings)[Risk.LOW_ENGAGEMENT]
        assert finding.numbers == {"events_in_7_days": 0, "threshold": 2}

    def test_the_first_days_may_be_more_than_the_window(self) -> None:
        settings = limits(engagement_days=7, engagement_grace_days=40)
        events = [event(20), event(19), event(18)]
        assert not found(client(*events, created_days_ago=30), settings)
        finding = found(client(*events, created_days_ago=50), settings)[Risk.LOW_ENGAGEMENT]
        assert finding.since == NOW - 10 * DAY


def overdue(days_ago: float, invoice: object = "F-7") -> Happening:
    return event(days_ago, "invoice_overdue", invoice_id=invoice)


def paid(days_ago: float, invoice: object = "F-7") -> Happening:
    return event(days_ago, "invoice_paid", invoice_id=invoice)


class TestLateInvoices:
    @pytest.mark.parametrize(
        ("events", "holds"),
        [
            ([overdue(5)], True),
            ([overdue(5), paid(4)], False),
            ([paid(6), overdue(5)], True),
            ([overdue(5), paid(4), overdue(3)], True),
            ([overdue(5), paid(4, "F-8")], True),
            ([overdue(5, 7), paid(4, 7.0)], False),
            ([overdue(5, 7), paid(4, "7")], False),
            ([overdue(5), overdue(4), paid(3)], False),
            ([event(5, "invoice_overdue"), event(4, "invoice_paid")], False),
            ([event(5, "invoice_overdue"), paid(4)], True),
            ([paid(4)], False),
        ],
    )
    def test_an_invoice_overdue_without_a_later_payment(
        self, events: list[Happening], *, holds: bool
    ) -> None:
        assert (Risk.LATE_INVOICES in risks(client(*ENGAGED, *events))) is holds

    def test_late_invoices_clear_after_payment(self) -> None:
        """A risk that cleared is gone, with what it took from the score."""
        owing = [*ENGAGED, overdue(60)]
        assert risks(client(*owing)) == {Risk.LATE_INVOICES}
        assert risks(client(*owing, paid(2))) == set()

    def test_a_payment_that_is_told_of_late_counts_from_when_it_was_made(self) -> None:
        assert risks(client(*ENGAGED, overdue(5), overdue(1, "F-8"), paid(4))) == {
            Risk.LATE_INVOICES
        }
        assert risks(client(*reversed([*ENGAGED, overdue(5), paid(4)]))) == set()

    def test_at_one_moment_the_order_of_the_ids_decides(self) -> None:
        due, settled = overdue(5), paid(5)
        first, second = UUID(int=1), UUID(int=2)
        in_order = [replace(due, event_id=first), replace(settled, event_id=second)]
        reverse = [replace(due, event_id=second), replace(settled, event_id=first)]
        assert risks(client(*ENGAGED, *in_order)) == set()
        assert risks(client(*ENGAGED, *reverse)) == {Risk.LATE_INVOICES}

    def test_what_it_says(self) -> None:
        finding = found(client(*ENGAGED, overdue(9, "F-9"), overdue(20)))[Risk.LATE_INVOICES]
        assert finding.evidence == (
            "2 invoices overdue and not paid, the oldest (F-7) since 2024-09-14"
        )
        assert finding.numbers == {"overdue_invoices": 2, "threshold": 1}
        assert finding.clears_when == "invoice_paid for each invoice that is overdue"
        assert finding.since == NOW - 20 * DAY

    def test_an_invoice_without_an_id_is_not_named_and_a_long_one_is_cut(self) -> None:
        unnamed = found(client(*ENGAGED, event(20, "invoice_overdue")))[Risk.LATE_INVOICES]
        assert unnamed.evidence == "1 invoice overdue and not paid, the oldest since 2024-09-14"
        long = found(client(*ENGAGED, overdue(20, "9" * 5000)))[Risk.LATE_INVOICES]
        assert f"({'9' * 40})" in long.evidence


def mood(*feelings: str) -> Standing:
    """The oldest first, an hour apart."""
    told: dict[str, dict[str, Any]] = {
        "-": {"sentiment": "negative"},
        "+": {"sentiment": "positive"},
        ".": {},
    }
    happened = [
        event(1 - place / 24, "call", **told[one]) for place, one in enumerate("".join(feelings))
    ]
    return client(*happened)


class TestNegativeSentiment:
    @pytest.mark.parametrize(
        ("feelings", "holds"),
        [
            ("...", False),
            ("..-", False),
            (".--", True),
            ("-+-", True),
            ("+++", False),
            ("--........", True),
            ("--.........", False),
            ("-.........-", False),
            (".-........-", True),
            ("-----......", True),
            ("----------", True),
        ],
    )
    def test_two_or_more_of_the_last_ten_events(self, feelings: str, *, holds: bool) -> None:
        assert (Risk.NEGATIVE_SENTIMENT in risks(mood(feelings))) is holds

    def test_negative_sentiment_clears_as_other_events_follow(self) -> None:
        """A risk that cleared is gone: nine good events after the two bad ones."""
        assert risks(mood("--", "+" * 8)) == {Risk.NEGATIVE_SENTIMENT}
        assert risks(mood("--", "+" * 9)) == set()

    def test_only_the_very_word_counts(self) -> None:
        said = [event(1, "call", sentiment=one) for one in ("NEGATIVE", "bad", -1, None, ["-"])]
        assert risks(client(*said)) == set()

    def test_any_type_of_event_may_say_it(self) -> None:
        said = [event(1, kind, sentiment="negative") for kind in ("invoice_paid", "meeting")]
        assert risks(client(*said, event(2))) == {Risk.NEGATIVE_SENTIMENT}

    def test_what_it_says(self) -> None:
        finding = found(mood("-.-.-"))[Risk.NEGATIVE_SENTIMENT]
        assert finding.evidence == "3 of the last 5 events negative, 2 or more"
        assert finding.numbers == {"negative_events": 3, "last_events": 5, "threshold": 2}
        assert finding.clears_when == "fewer than 2 negative among the last 10 events"
        assert finding.since == NOW - 22 * DAY // 24, "the second of the three"


class TestAll:
    def test_each_clears_when_its_cause_does(self) -> None:
        """Nothing of the past holds on to a client: with no cause there is no risk."""
        assert risks(troubled(Risk)) == set(Risk)
        assert risks(troubled([])) == set()

    def test_the_order_is_that_of_ranks_and_of_numbers_in_a_rank(self) -> None:
        ordered = [one.risk for one in findings(troubled(Risk), DEFAULTS, NOW)]
        assert ordered == [
            Risk.NEGATIVE_SENTIMENT,
            Risk.HIGH_SUPPORT_TICKETS,
            Risk.LATE_INVOICES,
            Risk.LOW_ENGAGEMENT,
            Risk.SLOW_PROJECT_PROGRESS,
            Risk.LOW_FEATURE_USAGE,
        ]
        level = {one: replace(rule, rank=7) for one, rule in DEFAULTS.risks.items()}
        level[Risk.LOW_FEATURE_USAGE] = replace(level[Risk.LOW_FEATURE_USAGE], rank=2)
        settings = replace(DEFAULTS, risks=level)
        ordered = [one.risk for one in findings(troubled(Risk), settings, NOW)]
        assert ordered == [Risk.LOW_FEATURE_USAGE, *(one for one in Risk if one != 5)]

    @pytest.mark.parametrize("risk", Risk)
    def test_what_is_switched_off_is_not_looked_for(self, risk: Risk) -> None:
        rule: RiskRule = replace(DEFAULTS.risks[risk], enabled=False)
        settings = replace(DEFAULTS, risks={**DEFAULTS.risks, risk: rule})
        assert set(found(troubled(Risk), settings)) == set(Risk) - {risk}

    def test_a_client_of_whom_nothing_is_known_has_the_one_risk(self) -> None:
        assert risks(Standing(NOW - 14 * DAY, Facts())) == {Risk.LOW_ENGAGEMENT}
        assert derive([]) == Facts()
