"""What people read of insights, profiles, signals and reports."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money
from rich.console import Console, RenderableType

from footfall.insights.v1 import (
    backtest_pb2,
    feed_pb2,
    insight_pb2,
    insight_requests_pb2,
    profile_pb2,
    signals_pb2,
)
from services.cli.insight import views

WIDTH = 100
MIA = insight_pb2.Subject(user_id="mia")


def drawn(picture: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=WIDTH)
    console.print(picture)
    assert isinstance(console.file, io.StringIO)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert all(len(line) <= WIDTH for line in lines)
    return "\n".join(lines)


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(datetime(year, month, day, hour, minute, tzinfo=UTC))
    return stamp


def insight(**fields: Any) -> insight_pb2.Insight:
    evidence = insight_pb2.Evidence(
        rule="5 < 6", test="exact conditional test", would_change="one event more this week",
        trend=[0] * 14 + [3] * 7 + [1] * 7,
    )  # fmt: skip
    given: dict[str, Any] = {
        "insight_id": "0198c5a2-7c1e-7000-8000-000000000001",
        "insight_type": insight_pb2.INSIGHT_TYPE_CHURN_RISK,
        "subject": MIA,
        "severity": insight_pb2.SEVERITY_CRITICAL,
        "weight": 0.898,
        "confidence": 0.998,
        "state": insight_pb2.INSIGHT_STATE_OPEN,
        "evidence": evidence,
        "recommendation": insight_pb2.Recommendation(
            action="urgent_outreach", message="Get in touch now."
        ),
        **fields,
    }
    return insight_pb2.Insight(**given)


def test_an_insight_says_whom_why_how_sure_and_what_to_do() -> None:
    assert drawn(views.insights([insight()])).strip().splitlines() == [
        "critical  churn risk: user mia                " + "█" * 7 + "▃" * 7 + " 28 days",
        "          5 < 6; weight 0.90, confidence 0.998 (exact conditional test)",
        "          would change: one event more this week",
        "          → urgent_outreach: Get in touch now.",
        "          0198c5a2-7c1e-7000-8000-000000000001  open",
    ]


def test_what_is_not_kept_has_no_id_and_what_holds_no_more_says_so() -> None:
    assert "open" not in drawn(views.insights([insight(insight_id="")]))
    gone = insight(state=insight_pb2.INSIGHT_STATE_ACKNOWLEDGED, cleared_at=at(2026, 3, 9))
    assert "acknowledged, holds no more" in drawn(views.insights([gone]))


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        (insight_pb2.Subject(org=True), "the organisation"),
        (insight_pb2.Subject(org=True, feature="export"), "the organisation, export"),
        (insight_pb2.Subject(user_id="mia", feature="export"), "user mia, export"),
        (insight_pb2.Subject(client_id="c-1"), "client c-1"),
    ],
)
def test_a_subject_has_a_name(subject: insight_pb2.Subject, name: str) -> None:
    assert views.subject_name(subject) == name


def test_ids_are_shown_as_they_are_and_not_taken_for_markup() -> None:
    odd = "[red]mia[/]"
    assert odd in drawn(views.insights([insight(subject=insight_pb2.Subject(user_id=odd))]))
    assert odd in drawn(views.profile(profile_pb2.BehaviourProfile(user_id=odd)))
    assert odd in drawn(views.signals(signals_pb2.ClientSignals(client_id=odd)))
    delivery = feed_pb2.FeedDelivery(session_id=odd, last_error=odd)
    assert drawn(views.deliveries([delivery])).count(odd) == 2


def test_a_run_says_how_much_is_shown_and_what_it_was() -> None:
    churn = insight_pb2.INSIGHT_TYPE_CHURN_RISK
    answer = insight_requests_pb2.GenerateInsightsResponse(
        insights=[insight(), insight(subject=insight_pb2.Subject(user_id="milo"))],
        totals=[insight_pb2.TypeCount(insight_type=churn, count=1200)],
        as_of=at(2026, 3, 9, 12),
        subjects=4061,
        kept=True,
        complete=True,
    )
    said = drawn(views.generated(answer, 1))
    assert "user milo" not in said
    assert said.splitlines()[-1] == (
        "1 of 1,200 shown (1,200 churn risk); as of 2026-03-09 12:00 UTC, 4,061 subjects looked at"
    )
    answer.kept = answer.complete = False
    told = " ".join(drawn(views.generated(answer, 1)).splitlines()[-2:])
    assert "a look back, not kept" in told
    assert "still being counted" in told


def test_too_little_is_an_answer() -> None:
    missing = insight_pb2.Insufficient(
        insight_type=insight_pb2.INSIGHT_TYPE_DECLINING_USAGE, subject=MIA,
        missing="previous_events: 3 of 20",
    )  # fmt: skip
    answer = insight_requests_pb2.GenerateInsightsResponse(insufficient=[missing], subjects=1)
    said = drawn(views.generated(answer, 20))
    assert "Nothing stands out." in said
    assert "too little to say declining usage of user mia: previous_events: 3 of 20" in said
    assert "1 subject looked at" in said


def test_a_profile_shows_scores_worries_and_next_steps() -> None:
    profile = profile_pb2.BehaviourProfile(
        user_id="mia", as_of=at(2026, 3, 9), scaling_score=50, progression_rate=-1.25,
        credibility_trend=profile_pb2.CREDIBILITY_TREND_DECLINING,
        competencies=profile_pb2.Competencies(sales_execution=100),
        totals=profile_pb2.ProfileTotals(events=1234, active_days=56, tool_sessions=9,
            exports=8000, resources=7, milestones=6, offline_actions=50),
        last_activity_at=at(2026, 3, 1, 8, 30), days_since_last_activity=8,
        risk_factors=[profile_pb2.RiskFactor(name="inconsistent_system_usage", reason="8 [of] 9")],
        next_actions=[profile_pb2.NextAction(action="export_results", reason="none in a month")],
        sufficient=False, missing="active_days: 1 of 3",
    )  # fmt: skip
    lines = drawn(views.profile(profile)).splitlines()
    assert lines[:2] == [
        "mia, as of 2026-03-09 00:00 UTC",
        "scaling score            50.0 " + "█" * 12,
    ]
    assert "sales execution         100.0 " + "█" * 24 in lines
    counts = "9 tool uses, 8,000 exports, 7 resources, 6 milestones; 50 offline actions"
    assert lines[6:] == [
        "progression -1.2 points a week; credibility declining",
        f"1,234 events on 56 days: {counts}",
        "last seen 2026-03-01 08:30 UTC, 8 days before",
        "too little to rely on: active_days: 1 of 3",
        "! inconsistent_system_usage: 8 [of] 9",
        "→ export_results: none in a month",
    ]


@pytest.mark.parametrize(
    ("units", "nanos", "shown"),
    [
        (1234, 500_000_000, "1,234.50 USD"),
        (0, -500_000_000, "-0.50 USD"),
        (-5, -250_000_000, "-5.25 USD"),
        (7, 0, "7.00 USD"),
    ],
)
def test_money_is_shown_to_the_cent_refunds_below_zero(units: int, nanos: int, shown: str) -> None:
    signals = signals_pb2.ClientSignals(
        client_id="c-1", revenue_30_days=[Money(units=units, nanos=nanos, currency_code="USD")]
    )
    said = drawn(views.signals(signals)).splitlines()
    assert f"revenue of 30 days: {shown}" in said
    assert "revenue of 365 days: none" in said


def test_signals_compare_the_weeks_and_tell_how_far_they_lag() -> None:
    signals = signals_pb2.ClientSignals(
        client_id="c-1", recent_events=5, previous_events=20, usage_ratio=0.25, feature_uses=9,
        features_used=2, feature_uses_p25=4, lag_seconds=3, last_activity_at=at(2026, 3, 1),
    )  # fmt: skip
    said = drawn(views.signals(signals))
    assert "5 events in 7 days, 20 in the 7 before, 0.25 of it" in said
    assert "a quarter of the active clients have 4 or fewer" in said
    assert "last seen 2026-03-01 00:00 UTC" in said
    assert "3 s behind" in said


def test_a_report_shows_shares_with_their_intervals_and_nothing_for_none() -> None:
    judged = backtest_pb2.DetectorReport(
        insight_type=insight_pb2.INSIGHT_TYPE_CHURN_RISK, alerts=12, judged=10, true_alerts=8,
        outcomes=16, foreseen=8, precision=0.8, precision_low=0.49, precision_high=0.94,
        recall=0.5, recall_low=0.28, recall_high=0.72, lead_days=9, outcome="silent for 14 days",
    )  # fmt: skip
    silent = backtest_pb2.DetectorReport(insight_type=insight_pb2.INSIGHT_TYPE_POWER_USER)
    header, row, _, _, meaning, nothing = drawn(views.reports([judged, silent])).splitlines()
    columns = "detector    said  right  precision     seen  recall        ahead"
    assert header.split() == columns.split()
    assert row.split() == [
        "churn", "risk", "12", "8/10", "80%", "49%…94%", "8/16", "50%", "28%…72%", "9", "days"
    ]  # fmt: skip
    assert meaning == "churn risk  silent for 14 days"
    assert nothing == "nothing of: power user"
    assert "none would have had to" in drawn(views.reports([silent]))
