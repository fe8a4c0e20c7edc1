"""The score, the level and what is called for: every line of the contract, as cases."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, combinations

import pytest

from services.journey.journeys.rules.calls import called_for
from services.journey.journeys.rules.score import level, score
from services.journey.journeys.rules.settings import JourneySettings
from services.journey.journeys.rules.standing import Standing
from services.journey.journeys.rules.vocabulary import (
    Action,
    Priority,
    Risk,
    RiskLevel,
    Score,
    Stage,
)
from tests.journeys import DEFAULTS, NOW, client, troubled

LOW, MEDIUM, HIGH, CRITICAL = RiskLevel
EMAIL, MEETING, VOICE, PERSON, CREDITS, SURVEY = Action
BY_COUNT = [LOW, LOW, MEDIUM, HIGH, CRITICAL, CRITICAL, CRITICAL]
"""The level, by the number of risks."""

SUBSETS = list(chain.from_iterable(combinations(Risk, size) for size in range(7)))
ANYWHERE = [one for one in Risk if one != Risk.SLOW_PROJECT_PROGRESS]
"""Risks that do not take a stage of their own."""


def scored(standing: Standing, settings: JourneySettings = DEFAULTS) -> Score:
    return score(standing, settings, NOW)


def parts(found: Score) -> dict[str, float]:
    return {one.factor: one.points for one in found.contributions}


def actions(standing: Standing, settings: JourneySettings = DEFAULTS) -> list[Action]:
    return [one.action for one in called_for(scored(standing, settings), settings)]


def named(risks: tuple[Risk, ...]) -> str:
    return "+".join(one.name.lower() for one in risks) or "none"


class TestScore:
    @pytest.mark.parametrize(
        ("stage", "weight"),
        [
            (Stage.LEAD, 0),
            (Stage.QUALIFIED_LEAD, 5),
            (Stage.ONBOARDING, 10),
            (Stage.ACTIVE_PROJECT, 15),
            (Stage.AWAITING_FEEDBACK, 20),
            (Stage.BILLING, 25),
            (Stage.RETENTION, 30),
            (Stage.UPSELL_CANDIDATE, 35),
            (Stage.CHURN_RISK, 0),
        ],
    )
    def test_the_weight_of_each_stage(self, stage: Stage, weight: float) -> None:
        found = scored(troubled([], stage, ai_score=40.0))
        assert (found.score, found.stage) == (40 + weight, stage)
        assert parts(found) == {"base": 40, "stage": weight}

    @pytest.mark.parametrize("risks", SUBSETS, ids=named)
    def test_ten_points_and_a_step_of_the_level_for_each_risk(
        self, risks: tuple[Risk, ...]
    ) -> None:
        found = scored(troubled(risks))
        assert {one.risk for one in found.findings} == set(risks)
        assert found.score == 50 + 15 - 10 * len(risks)
        assert found.level == BY_COUNT[len(risks)]
        assert parts(found) == {
            "base": 50,
            "stage": 15,
            **{f"risk.{one.name.lower()}": -10 for one in risks},
        }

    def test_an_ai_score_of_0_is_0(self) -> None:
        """Absent is 50, and 0 is not absent."""
        assert scored(troubled([], Stage.LEAD, ai_score=0.0)).score == 0
        assert scored(troubled([], Stage.LEAD, ai_score=None)).score == 50
        assert scored(troubled([], Stage.BILLING, ai_score=0.0)).score == 25
        told = [scored(troubled([], ai_score=one)).contributions[0] for one in (0.0, None)]
        assert [(one.points, one.reason) for one in told] == [
            (0, "ai_score of the client"),
            (50, "the client has no ai_score"),
        ]

    def test_the_stage_churn_risk_adds_nothing(self) -> None:
        """The last of the stages is not the best of them."""
        lost, new = troubled([], Stage.CHURN_RISK), troubled([], Stage.LEAD)
        assert scored(lost).score == scored(new).score == 50
        assert parts(scored(lost))["stage"] == 0

    def test_the_score_is_clamped_at_100(self) -> None:
        found = scored(troubled([], Stage.UPSELL_CANDIDATE, ai_score=90.0))
        assert found.score == 100
        assert parts(found) == {"base": 90, "stage": 35, "clamp": -25}
        assert found.contributions[-1].reason == "scores end at 100"

    def test_the_score_is_clamped_at_0(self) -> None:
        found = scored(troubled(Risk, ai_score=10.0))
        assert found.score == 0
        assert parts(found)["clamp"] == 35
        assert found.contributions[-1].reason == "scores begin at 0"

    @pytest.mark.parametrize(("ai_score", "expected"), [(65.0, 100), (0.0, 0)])
    def test_what_just_fits_is_not_clamped(self, ai_score: float, expected: float) -> None:
        stage = Stage.UPSELL_CANDIDATE if ai_score else Stage.LEAD
        found = scored(troubled([], stage, ai_score=ai_score))
        assert found.score == expected
        assert "clamp" not in parts(found)

    def test_a_risk_that_cleared_takes_nothing(self) -> None:
        risky = troubled([Risk.LATE_INVOICES], Stage.BILLING)
        paid = troubled([], Stage.BILLING)
        assert (scored(risky).score, scored(paid).score) == (65, 75)
        assert "risk.late_invoices" not in parts(scored(paid))

    def test_each_part_says_why(self) -> None:
        found = scored(troubled([Risk.LATE_INVOICES]))
        assert [one.reason for one in found.contributions] == [
            "the client has no ai_score",
            "stage active_project",
            "1 invoice overdue and not paid, the oldest (F-7) since 2024-08-15",
        ]

    def test_weights_and_points_are_settings(self) -> None:
        late = replace(DEFAULTS.risks[Risk.LATE_INVOICES], points=22.5)
        billing = replace(DEFAULTS.stages[Stage.BILLING], weight=-7.25)
        settings = replace(
            DEFAULTS,
            risks={**DEFAULTS.risks, Risk.LATE_INVOICES: late},
            stages={**DEFAULTS.stages, Stage.BILLING: billing},
        )
        assert scored(troubled([Risk.LATE_INVOICES], Stage.BILLING), settings).score == 20.25

    def test_a_client_without_any_event_is_a_lead(self) -> None:
        found = scored(client(created_days_ago=1))
        assert (found.stage, found.score, found.level) == (Stage.LEAD, 50, LOW)


class TestLevel:
    @pytest.mark.parametrize(("risks", "expected"), list(enumerate(BY_COUNT)))
    def test_by_the_number_of_risks(self, risks: int, expected: RiskLevel) -> None:
        for stage in Stage:
            least = HIGH if stage == Stage.CHURN_RISK else LOW
            assert level(risks, stage, DEFAULTS) == max(expected, least)

    def test_critical_is_reachable(self) -> None:
        """By real events: all six risks can be found, and four of them suffice."""
        assert scored(troubled(Risk)).level == CRITICAL
        assert scored(troubled(ANYWHERE[:4], Stage.LEAD)).level == CRITICAL

    def test_the_stage_churn_risk_is_high_at_least(self) -> None:
        levels = [scored(troubled(ANYWHERE[:count], Stage.CHURN_RISK)).level for count in range(6)]
        assert levels == [HIGH, HIGH, HIGH, HIGH, CRITICAL, CRITICAL]

    def test_from_how_many_risks_is_a_setting(self) -> None:
        rules = {
            one: replace(rule, min_risks=least)
            for (one, rule), least in zip(DEFAULTS.levels.items(), (0, 1, 5, 6), strict=True)
        }
        settings = replace(DEFAULTS, levels=rules)
        found = [level(risks, Stage.LEAD, settings) for risks in range(7)]
        assert found == [LOW, MEDIUM, MEDIUM, MEDIUM, MEDIUM, HIGH, CRITICAL]

    @pytest.mark.parametrize(
        ("reached", "priority"),
        [
            (LOW, Priority.LOW),
            (MEDIUM, Priority.MEDIUM),
            (HIGH, Priority.HIGH),
            (CRITICAL, Priority.URGENT),
        ],
    )
    def test_the_priority_of_each_level(self, reached: RiskLevel, priority: Priority) -> None:
        assert DEFAULTS.levels[reached].priority == priority


class TestActions:
    @pytest.mark.parametrize(
        ("stage", "expected"),
        [
            (Stage.LEAD, [EMAIL]),
            (Stage.QUALIFIED_LEAD, [EMAIL]),
            (Stage.ONBOARDING, [MEETING]),
            (Stage.ACTIVE_PROJECT, []),
            (Stage.AWAITING_FEEDBACK, [SURVEY]),
            (Stage.BILLING, []),
            (Stage.RETENTION, []),
            (Stage.UPSELL_CANDIDATE, [CREDITS]),
            (Stage.CHURN_RISK, [PERSON]),
        ],
    )
    def test_of_each_stage(self, stage: Stage, expected: list[Action]) -> None:
        assert actions(troubled([], stage)) == expected

    @pytest.mark.parametrize(
        ("risk", "expected"),
        [
            (Risk.LOW_ENGAGEMENT, VOICE),
            (Risk.LATE_INVOICES, EMAIL),
            (Risk.NEGATIVE_SENTIMENT, PERSON),
            (Risk.HIGH_SUPPORT_TICKETS, PERSON),
            (Risk.SLOW_PROJECT_PROGRESS, MEETING),
            (Risk.LOW_FEATURE_USAGE, MEETING),
        ],
    )
    def test_of_each_risk(self, risk: Risk, expected: Action) -> None:
        (called,) = called_for(scored(troubled([risk])), DEFAULTS)
        assert (called.action, called.by_stage) == (expected, False)
        assert [one.risk for one in called.findings] == [risk]

    @pytest.mark.parametrize(
        ("stage", "risks", "expected"),
        [
            pytest.param(
                Stage.ONBOARDING,
                [Risk.LATE_INVOICES],
                [(MEETING, 0), (EMAIL, 0)],
                id="low: the stage before the risk",
            ),
            pytest.param(
                Stage.ONBOARDING,
                [Risk.LATE_INVOICES, Risk.NEGATIVE_SENTIMENT],
                [(MEETING, 0), (PERSON, 0), (EMAIL, 0)],
                id="medium: the stage before the risks",
            ),
            pytest.param(
                Stage.ONBOARDING,
                [Risk.LATE_INVOICES, Risk.NEGATIVE_SENTIMENT, Risk.LOW_ENGAGEMENT],
                [(PERSON, 0), (EMAIL, 1), (VOICE, 2), (MEETING, 3)],
                id="high: the risks before the stage",
            ),
            pytest.param(
                Stage.UPSELL_CANDIDATE,
                ANYWHERE,
                [(PERSON, 0), (EMAIL, 1), (VOICE, 2), (MEETING, 3), (CREDITS, 4)],
                id="critical: the risks before the stage",
            ),
            pytest.param(
                Stage.ACTIVE_PROJECT,
                list(Risk),
                [(PERSON, 0), (EMAIL, 1), (VOICE, 2), (MEETING, 3)],
                id="all six, each action once",
            ),
            pytest.param(
                Stage.ONBOARDING,
                [Risk.LATE_INVOICES, Risk.LOW_ENGAGEMENT, Risk.LOW_FEATURE_USAGE],
                [(EMAIL, 0), (VOICE, 1), (MEETING, 2)],
                id="high: what the stage calls for too stays where the risk puts it",
            ),
            pytest.param(
                Stage.LEAD,
                [Risk.LOW_ENGAGEMENT, Risk.LATE_INVOICES],
                [(EMAIL, 0), (VOICE, 0)],
                id="medium: what a risk calls for too stays where the stage puts it",
            ),
            pytest.param(
                Stage.CHURN_RISK,
                [Risk.LOW_ENGAGEMENT],
                [(VOICE, 0), (PERSON, 1)],
                id="stage churn_risk is high: the risk before the stage",
            ),
            pytest.param(Stage.CHURN_RISK, [], [(PERSON, 0)], id="stage churn_risk alone"),
            pytest.param(Stage.RETENTION, [], [], id="nothing is due"),
        ],
    )
    def test_the_order(
        self, stage: Stage, risks: list[Risk], expected: list[tuple[Action, int]]
    ) -> None:
        called = called_for(scored(troubled(risks, stage)), DEFAULTS)
        assert [(one.action, one.tier) for one in called] == expected

    def test_a_lead_at_high_risk_is_rescued_before_it_is_mailed(self) -> None:
        """The action of the stage does not come first when there is much to worry about."""
        risks = [Risk.NEGATIVE_SENTIMENT, Risk.LOW_ENGAGEMENT, Risk.LOW_FEATURE_USAGE]
        assert actions(troubled(risks, Stage.LEAD)) == [PERSON, VOICE, MEETING, EMAIL]

    def test_an_action_names_all_that_call_for_it(self) -> None:
        risks = [Risk.NEGATIVE_SENTIMENT, Risk.HIGH_SUPPORT_TICKETS, Risk.LATE_INVOICES]
        person, email = called_for(scored(troubled(risks, Stage.LEAD)), DEFAULTS)
        assert [one.risk for one in person.findings] == risks[:2]
        assert (person.by_stage, email.by_stage) == (False, True)
        assert [one.risk for one in email.findings] == [Risk.LATE_INVOICES]

    def test_what_is_switched_off_is_called_for_all_the_same(self) -> None:
        """So that it can be said why it is not recommended."""
        off = replace(DEFAULTS.actions[EMAIL], enabled=False)
        settings = replace(DEFAULTS, actions={**DEFAULTS.actions, EMAIL: off})
        assert actions(troubled([], Stage.LEAD), settings) == [EMAIL]

    def test_the_actions_of_a_stage_come_in_their_order(self) -> None:
        lead = replace(DEFAULTS.stages[Stage.LEAD], actions=(SURVEY, CREDITS, EMAIL))
        settings = replace(DEFAULTS, stages={**DEFAULTS.stages, Stage.LEAD: lead})
        assert actions(troubled([], Stage.LEAD), settings) == [SURVEY, CREDITS, EMAIL]
