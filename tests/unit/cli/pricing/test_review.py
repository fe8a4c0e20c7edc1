"""The page on which somebody decides, as it is drawn."""

from __future__ import annotations

from datetime import timedelta

import pytest

from footfall.pricing.v1.approval_pb2 import (
    Approval,
    ApprovalState,
    ApprovalVerdict,
    Evidence,
    GetApprovalResponse,
    MoneyQuantiles,
    NamedRisk,
    PriceChange,
    PriceChangeState,
    Quantiles,
    Verdict,
)
from footfall.pricing.v1.price_pb2 import BILLING_PERIOD_MONTH, Objective, Tier
from services.cli.pricing import money, review
from tests.drawing import NOW, at, drawn

APPROVAL_ID, CHANGE_ID = (f"0198f3a2-5b7c-7000-8000-2f1d3c4b5a6{end}" for end in "12")
OLD, NEW = money.parsed("49 EUR"), money.parsed("59 EUR")
TIER = Tier(tier_id="pro", price=OLD, price_version=1, billing_period=BILLING_PERIOD_MONTH)
IMPACT = MoneyQuantiles(
    p10=money.of_minor(-120_000, "EUR"),
    p50=money.of_minor(80_000, "EUR"),
    p90=money.of_minor(200_000, "EUR"),
)
EVIDENCE = Evidence(
    subscribers=240, revenue_impact=IMPACT, confidence=0.87, as_of=at(0), method_version="m-1",
    elasticity=Quantiles(p10=-1.6, p50=-1.2, p90=-0.8),
    churn_risk=Quantiles(p10=0.01, p50=0.032, p90=0.06),
)  # fmt: skip


def asked(**fields: object) -> Approval:
    given = {
        "approval_id": APPROVAL_ID, "tier_id": "pro", "etag": "12", "revision": 2,
        "state": ApprovalState.APPROVAL_STATE_PENDING_REVIEW, "current_price": OLD,
        "proposed_price": NEW, "base_price_version": 1, "reason": "More is in it since May.",
        "evidence": EVIDENCE, "requested_by": "ann", "requested_at": at(1),
        "contributors": ["ann", "adam"], "expires_at": at(-13),
    }  # fmt: skip
    return Approval(**{**given, **fields})  # type: ignore[arg-type]


def page(
    approval: Approval, change: PriceChange | None = None, tier: Tier = TIER, width: int = 80
) -> str:
    told = GetApprovalResponse(approval=approval, price_change=change)
    return "\n".join(drawn(review.page(told, tier, NOW), width))


def test_it_says_what_is_asked_and_what_it_may_do() -> None:
    said = page(asked())
    assert "49.00 → 59.00 EUR" in said
    assert "+20.4%, +10.00 EUR a month per subscriber" in said
    assert "+2,400.00 EUR a month for all 240 subscribers" in said
    assert "P10 -1,200.00   P50 +800.00   P90 +2,000.00 EUR a month" in said
    assert "3.2% (1.0% to 6.0%) of subscribers" in said
    assert "better than today's price with a confidence of 87%" in said
    assert "More is in it since May." in said


@pytest.mark.parametrize("name", ["margin", "revenue"])
def test_it_says_of_what_it_is_confident(name: str) -> None:
    told = Evidence(objective=Objective.Value(f"OBJECTIVE_{name.upper()}"))
    told.MergeFrom(EVIDENCE)
    said = page(asked(evidence=told))
    assert f"more {name} than at today's price with a confidence of 87%" in said


def test_it_says_who_cannot_decide_until_when_and_how_to_go_on() -> None:
    said = page(asked())
    assert "not who asked or revised: ann, adam" in said
    assert "until 2026-03-22 12:00 UTC; then it expires" in said
    for verb in ("approve", "reject", "request-changes", "revise", "withdraw"):
        assert f"footfall approvals {verb} {APPROVAL_ID} \\\n    --etag 12" in said


def test_an_increase_waits_for_its_notice_and_for_the_time_asked_for() -> None:
    assert "from 2026-04-08 12:00 UTC on" in page(asked())
    later = asked(requested_effective_time=at(-40))
    assert "from 2026-04-18 12:00 UTC on" in page(later)


def test_a_decrease_needs_no_notice() -> None:
    cheaper = page(asked(proposed_price=money.parsed("39 EUR")))
    assert "new customers pay 39.00 EUR at once" in cheaper
    assert "no notice is needed" in cheaper
    assert "-20.4%, -10.00 EUR" in cheaper


def test_what_the_data_cannot_tell_is_said_and_nothing_is_drawn() -> None:
    said = page(asked(evidence=Evidence(subscribers=3, insufficient=["PRICE_NEVER_VARIED"])))
    assert "the data cannot tell: PRICE_NEVER_VARIED" in said
    assert "P10" not in said
    assert "confidence" not in said


def test_risks_and_earlier_verdicts_are_there() -> None:
    risk = NamedRisk(name="outside_guard_rails", description="Larger than one step.")
    verdict = ApprovalVerdict(
        verdict=Verdict.VERDICT_CHANGES_REQUESTED, decided_by="bob", role="admin",
        decided_at=at(0), notes="Less would do.", revision=1, void=True,
    )  # fmt: skip
    said = page(asked(risks=[risk], verdicts=[verdict]))
    assert "! outside guard rails: Larger than one step." in said
    assert "changes requested by bob (admin)" in said
    assert "revision 1, void" in said
    assert "Less would do." in said


def test_a_price_that_has_moved_since_is_told() -> None:
    moved = Tier(tier_id="pro", price=money.parsed("52 EUR"), price_version=2)
    assert "the price in force is 52.00 EUR now" in page(asked(), tier=moved)
    over = asked(state=ApprovalState.APPROVAL_STATE_APPROVED)
    assert "the price in force is" not in page(over, tier=moved)


def test_what_became_of_it_leads_on() -> None:
    change = PriceChange(
        price_change_id=CHANGE_ID, tier_id="pro", etag="1", old_price=OLD, new_price=NEW,
        state=PriceChangeState.PRICE_CHANGE_STATE_NOTICE_RUNNING, approved_at=at(0),
        effective_time=at(-30), subscribers=240, notices_delivered=3,
    )  # fmt: skip
    said = page(asked(state=ApprovalState.APPROVAL_STATE_APPROVED), change)
    assert "takes effect 2026-04-08 12:00 UTC" in said
    assert "told of it: 3 of 240 subscribers; pay it: 0" in said
    assert f"footfall approvals cancel {CHANGE_ID} \\\n    --etag 1" in said
    assert "approvals approve" not in said
    change.state = PriceChangeState.PRICE_CHANGE_STATE_EFFECTIVE
    assert f"footfall approvals roll-back {CHANGE_ID}" in page(
        asked(state=ApprovalState.APPROVAL_STATE_APPROVED), change
    )


def test_what_is_over_can_be_asked_for_again() -> None:
    said = page(asked(state=ApprovalState.APPROVAL_STATE_EXPIRED))
    assert "footfall approvals request pro" in said
    assert "Who decides" not in said


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_no_command_loses_its_end_where_there_is_little_room(width: int) -> None:
    said = page(asked(reason="word " * 60), width=width)
    assert said.count(APPROVAL_ID) == 6
    assert "--notes 'WHY'" in said


def test_a_line_of_a_list_has_it_in_short() -> None:
    first, second = drawn(review.line(asked()), 80)
    assert first == "pending review  pro  49.00 → 59.00 EUR (+20.4%)"
    assert second == f"  {APPROVAL_ID}  by ann, until {NOW + timedelta(days=13):%Y-%m-%d}"
