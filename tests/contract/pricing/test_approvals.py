"""Asking for a price: what is kept, frozen, listed and refused."""

from __future__ import annotations

from datetime import timedelta

import grpc
import pytest
from google.protobuf.json_format import MessageToJson
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from footfall.pricing.v1 import approval_pb2 as pb
from footfall.pricing.v1 import evidence_pb2, price_pb2
from tests.approving import (
    PENDING,
    WITHDRAWN,
    actions,
    ask,
    asked,
    decide,
    euros,
    get,
    in_hours,
    make_tier,
    new_id,
    refused,
    revised,
    subscribe,
    withdrawn,
)
from tests.bargaining import Pricing, Seller
from tests.organisations import Organisation

INVALID = grpc.StatusCode.INVALID_ARGUMENT
FAILED = grpc.StatusCode.FAILED_PRECONDITION
FIRST, LAST = -62_135_596_800, 253_402_214_400  # year 1, and the last day of 9999
FORTNIGHT = timedelta(hours=14 * 24)


@pytest.fixture(autouse=True)
def _tier(ann: Seller) -> None:
    make_tier(ann)


def test_a_request_is_kept_as_it_was_asked(ann: Seller, bob: Seller) -> None:
    at = in_hours(48)
    made = ask(ann, 900, requested_effective_time=at)
    assert (made.state, made.revision, made.tier_id) == (PENDING, 1, "pro")
    assert (made.current_price, made.base_price_version) == (euros(1000), 1)
    assert made.proposed_price == euros(900)
    assert made.requested_effective_time.ToMicroseconds() == at.ToMicroseconds()
    assert (made.reason, made.requested_by, list(made.contributors)) == (
        "to sell more", "ann", ["ann"],
    )  # fmt: skip
    assert made.expires_at.ToDatetime() - made.requested_at.ToDatetime() == FORTNIGHT
    assert len(bytes.fromhex(made.content_hash)) == 32
    assert made.etag
    assert not made.price_change_id
    assert not made.verdicts
    assert get(bob, made) == made


def test_a_repeat_of_a_request_is_answered_as_before(
    ann: Seller, bob: Seller, acme: Organisation
) -> None:
    request = asked(900, request_id=new_id())
    first = ann.call("RequestApproval", request)
    assert ann.call("RequestApproval", request) == first
    assert actions(acme, first.approval) == ["approval.request"]
    assert refused(bob, "RequestApproval", request).reason == "REQUEST_ID_REUSED"
    request.reason = "another"
    assert refused(ann, "RequestApproval", request).reason == "REQUEST_ID_REUSED"


def test_a_request_that_was_refused_may_be_sent_again(ann: Seller) -> None:
    request = asked(900, tier_id="later", request_id=new_id())
    assert refused(ann, "RequestApproval", request).code is grpc.StatusCode.NOT_FOUND
    make_tier(ann, "later")
    assert ann.call("RequestApproval", request).approval.tier_id == "later"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"proposed_price": euros(1000)}, "proposed_price"),
        ({"proposed_price": euros(900, "USD")}, "proposed_price.currency_code"),
        ({"proposed_price": Money(currency_code="EUR", units=9, nanos=1)}, "proposed_price.nanos"),
        ({"proposed_price": Money(currency_code="EUR", units=-9)}, "proposed_price"),
        ({"proposed_price": Money(currency_code="ZZZ", units=9)}, "proposed_price.currency_code"),
        ({"reason": ""}, "reason"),
        ({"reason": " \t\n\u3000\u200b"}, "reason"),
        ({"reason": "w" * 4001}, "reason"),
        ({"tier_id": ""}, "tier_id"),
        ({"suggestion_id": "no"}, "suggestion_id"),
        ({"requested_effective_time": Timestamp(seconds=1 << 40)}, "requested_effective_time"),
        ({"requested_effective_time": Timestamp(nanos=1 << 30)}, "requested_effective_time"),
        ({"requested_effective_time": Timestamp(seconds=LAST + 1)}, "requested_effective_time"),
        (
            {"requested_effective_time": Timestamp(seconds=LAST, nanos=1000)},
            "requested_effective_time",
        ),
    ],
)
def test_what_is_no_request_names_its_field(
    ann: Seller, fields: dict[str, object], field: str
) -> None:
    request = asked(900)
    for name, value in fields.items():
        if isinstance(value, str):
            setattr(request, name, value)
        else:
            getattr(request, name).CopyFrom(value)
    told = refused(ann, "RequestApproval", request)
    assert (told.code, list(told.violations)) == (INVALID, [field])


@pytest.mark.parametrize("seconds", [FIRST, LAST])
def test_every_time_that_is_kept_may_be_asked_for(ann: Seller, seconds: int) -> None:
    at = Timestamp(seconds=seconds)
    assert ask(ann, 900, requested_effective_time=at).requested_effective_time == at


def test_an_increase_is_never_sooner_than_its_notice(ann: Seller, bob: Seller) -> None:
    for hours in (-1.0, 0.0, 719.9):
        request = asked(1100, requested_effective_time=in_hours(hours))
        told = refused(ann, "RequestApproval", request)
        assert (told.code, told.reason) == (FAILED, "NOTICE_TOO_SHORT")
    at = in_hours(800)
    made = ask(ann, 1100, requested_effective_time=at)
    change = decide(bob, made).price_change
    assert change.effective_time.ToMicroseconds() == at.ToMicroseconds()
    soon = decide(bob, ask(ann, 1200)).price_change
    notice = soon.effective_time.ToDatetime() - soon.approved_at.ToDatetime()
    assert notice == timedelta(hours=720)


def test_a_decrease_of_the_past_takes_effect_at_once(ann: Seller, bob: Seller) -> None:
    for made in (ask(ann, 900), ask(ann, 900, requested_effective_time=in_hours(-1000))):
        change = decide(bob, made).price_change
        assert change.effective_time == change.approved_at
    at = in_hours(10)
    change = decide(bob, ask(ann, 900, requested_effective_time=at)).price_change
    assert change.effective_time.ToMicroseconds() == at.ToMicroseconds()


def test_evidence_and_risks_are_frozen_with_the_request(ann: Seller) -> None:
    subscribe(ann, 3)
    made = ask(ann, 1500)
    assert made.evidence.subscribers == 3
    assert made.evidence.change_percent == 50.0
    names = [one.name for one in made.risks]
    assert {"outside_guard_rails", "subscribers_not_told"} <= set(names)
    assert all(one.description for one in made.risks)
    subscribe(ann, 5)
    assert get(ann, made) == made
    other = ask(ann, 990)
    assert "other_requests_open" in [one.name for one in other.risks]
    assert "outside_guard_rails" not in [one.name for one in other.risks]
    assert other.evidence.subscribers == 5


def test_a_request_freezes_the_suggestion_that_it_follows(ann: Seller, acme: Organisation) -> None:
    make_tier(ann, "basic")
    suggestion_id = suggested(acme, "pro", 1150)
    made = ask(ann, 1150, suggestion_id=suggestion_id)
    assert made.suggestion_id == suggestion_id
    assert (made.evidence.confidence, made.evidence.churn_risk.p50) == (0.9, 0.02)
    assert made.evidence.objective == price_pb2.OBJECTIVE_MARGIN
    assert made.evidence.revenue_impact.p50 == euros(300)
    assert made.evidence.method_version == "3"
    assert "thin_history" in [one.name for one in made.risks]
    assert "differs_from_suggestion" not in [one.name for one in made.risks]
    other = ask(ann, 1200, suggestion_id=suggestion_id)
    assert "differs_from_suggestion" in [one.name for one in other.risks]
    assert list(other.evidence.insufficient), "of this tier nothing is known but the suggestion"
    assert not other.evidence.HasField("revenue_impact")
    assert (other.evidence.confidence, other.evidence.objective) == (0.0, 0)
    for request in (
        asked(1150, "basic", suggestion_id=suggestion_id),
        asked(1150, suggestion_id=new_id()),
    ):
        assert refused(ann, "RequestApproval", request).code is grpc.StatusCode.NOT_FOUND


def suggested(acme: Organisation, tier_id: str, minor: int) -> str:
    """A suggestion as it is kept."""
    suggestion_id = new_id()
    suggestion = evidence_pb2.PriceSuggestion(
        suggestion_id=suggestion_id,
        tier_id=tier_id,
        current_price=euros(1000),
        suggested_price=euros(minor),
        confidence=0.9,
        objective=price_pb2.OBJECTIVE_MARGIN,
        horizon_days=90,
        revenue_impact=pb.MoneyQuantiles(p10=euros(300), p50=euros(900), p90=euros(1500)),
        churn_risk=pb.Quantiles(p10=0.01, p50=0.02, p90=0.03),
        risks=[pb.NamedRisk(name="thin_history", description="There is little of it.")],
        method_version="3",
    )
    kept = MessageToJson(suggestion, preserving_proto_field_name=True)
    acme.database.execute(
        "INSERT INTO app.price_suggestions (org_id, suggestion_id, tier_id, suggestion, made_at,"
        " made_by) VALUES (%s, %s, %s, %s::jsonb, now(), 'ann')",
        acme.org_id, suggestion_id, tier_id, kept,
    )  # fmt: skip
    return suggestion_id


def test_equal_contents_of_two_requests_have_two_hashes(ann: Seller) -> None:
    one, two = ask(ann, 900), ask(ann, 900)
    assert one.content_hash != two.content_hash
    assert one.etag != two.etag


def test_lists_show_the_latest_first_and_go_on_behind_a_key(
    ann: Seller, bob: Seller, globex: Organisation, pricing: Pricing
) -> None:
    make_tier(ann, "basic")
    made = [ask(ann, 901 + number, ("pro", "basic")[number % 2]) for number in range(5)]
    decide(bob, made[0], "RejectPriceChange")
    shown: list[pb.Approval] = []
    request = pb.ListApprovalsRequest(page_size=2)
    while True:
        page = ann.call("ListApprovals", request)
        shown += page.approvals
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert [one.approval_id for one in shown] == [one.approval_id for one in reversed(made)]
    assert shown[0] == made[-1]
    basic = ann.call("ListApprovals", pb.ListApprovalsRequest(tier_id="basic")).approvals
    assert [one.approval_id for one in basic] == [made[3].approval_id, made[1].approval_id]
    pending = pb.ListApprovalsRequest(states=[PENDING], tier_id="pro")
    ids = [one.approval_id for one in ann.call("ListApprovals", pending).approvals]
    assert ids == [made[4].approval_id, made[2].approval_id]
    request.states.append(PENDING)
    assert refused(ann, "ListApprovals", request).reason == "INVALID_PAGE_TOKEN"
    del request.states[:]
    stranger = pricing.seller(globex, "ann", role="admin")
    assert refused(stranger, "ListApprovals", request).reason == "INVALID_PAGE_TOKEN"
    assert not stranger.call("ListApprovals", pb.ListApprovalsRequest()).approvals


def test_another_organisations_request_is_not_there(
    ann: Seller, globex: Organisation, pricing: Pricing
) -> None:
    made = ask(ann)
    stranger = pricing.seller(globex, "zoe", role="owner")
    for method, request in (
        ("GetApproval", pb.GetApprovalRequest(approval_id=made.approval_id)),
        ("ReviseApproval", revised(made)),
        ("WithdrawApproval", withdrawn(made)),
    ):
        foreign = refused(stranger, method, request)
        request.approval_id = new_id()
        absent = refused(stranger, method, request)
        assert foreign.code is grpc.StatusCode.NOT_FOUND
        assert (foreign.message, foreign.reason) == (absent.message, absent.reason)


def test_who_asked_takes_it_back(ann: Seller, bob: Seller, acme: Organisation) -> None:
    made = ask(ann)
    told = refused(bob, "WithdrawApproval", withdrawn(made))
    assert told.code is grpc.StatusCode.PERMISSION_DENIED
    assert refused(ann, "WithdrawApproval", withdrawn(made, etag="old")).reason == "STALE_ETAG"
    request = withdrawn(made, request_id=new_id(), notes="a mistake")
    gone = ann.call("WithdrawApproval", request)
    assert gone.approval.state == WITHDRAWN
    assert ann.call("WithdrawApproval", request) == gone
    assert actions(acme, made) == ["approval.request", "approval.withdraw"]
    for method, again in (
        ("WithdrawApproval", withdrawn(gone.approval)),
        ("WithdrawApproval", withdrawn(made)),
        ("ReviseApproval", revised(gone.approval)),
    ):
        assert refused(ann, method, again).code is FAILED


def test_what_is_decided_is_not_taken_back(ann: Seller, bob: Seller) -> None:
    made = ask(ann)
    after = decide(bob, made, "RejectPriceChange").approval
    assert refused(ann, "WithdrawApproval", withdrawn(after)).code is FAILED
    assert refused(ann, "WithdrawApproval", withdrawn(made)).code is grpc.StatusCode.ABORTED
