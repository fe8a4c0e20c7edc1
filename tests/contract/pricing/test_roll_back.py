"""A price is taken back by another approved change."""

from __future__ import annotations

import grpc
import pytest

from tests.approving import (
    PENDING,
    decide,
    decision,
    entries,
    euros,
    get,
    make_tier,
    new_id,
    refused,
    revise,
)
from tests.bargaining import Pricing, Seller, age
from tests.changing import (
    EFFECTIVE,
    NOTICE_RUNNING,
    SUPERSEDED,
    agree,
    price,
    read,
    roll_back,
    rolled_back,
)
from tests.effecting import work
from tests.organisations import Organisation

FAILED = grpc.StatusCode.FAILED_PRECONDITION
METHOD = "RollBackPriceChange"


@pytest.fixture(autouse=True)
def _tier(ann: Seller) -> None:
    make_tier(ann)


def test_it_is_a_request_for_the_price_before(ann: Seller, bob: Seller, acme: Organisation) -> None:
    made = agree(ann, bob, 1100)
    age(acme.database, acme.org_id, hours=720)
    work(acme.database)
    asked = roll_back(ann, made, reason="they left us")
    assert (asked.state, asked.current_price, asked.proposed_price) == (
        PENDING, euros(1100), euros(1000),
    )  # fmt: skip
    assert asked.rolls_back_price_change_id == made.price_change_id
    assert (asked.reason, asked.requested_by) == ("they left us", "ann")
    assert price(ann) == 1100, "nobody has agreed"
    [(action, _, _, details)] = entries(acme, asked.approval_id)
    assert action == "approval.request"
    assert details["rolls_back_price_change_id"] == made.price_change_id
    told = refused(ann, "ApprovePriceChange", decision("ApprovePriceChange", asked))
    assert told.reason == "SELF_APPROVAL"
    back = decide(bob, asked).price_change
    work(acme.database)
    assert [read(ann, one).state for one in (made, back)] == [SUPERSEDED, EFFECTIVE]
    assert price(ann) == 1000


def test_revised_to_another_price_it_undoes_nothing(
    ann: Seller, bob: Seller, acme: Organisation
) -> None:
    made = agree(ann, bob, 900)
    work(acme.database)
    asked = roll_back(ann, made)
    same = revise(bob, asked, 1000, reason="as it was")
    assert same.rolls_back_price_change_id == made.price_change_id
    other = revise(bob, same, 1050)
    assert other.rolls_back_price_change_id == ""
    assert get(ann, other) == other
    assert revise(bob, other, 950).rolls_back_price_change_id == ""


def test_taking_back_a_decrease_takes_notice(ann: Seller, bob: Seller, acme: Organisation) -> None:
    made = agree(ann, bob, 900)
    work(acme.database)
    back = decide(bob, roll_back(ann, made)).price_change
    assert back.state == NOTICE_RUNNING
    assert (back.effective_time.ToDatetime() - back.approved_at.ToDatetime()).days == 30


def test_only_what_is_in_force_is_taken_back(ann: Seller, bob: Seller, acme: Organisation) -> None:
    first = agree(ann, bob, 900)
    told = refused(ann, METHOD, rolled_back(first))
    assert (told.code, told.reason) == (FAILED, "FAILED_PRECONDITION")
    work(acme.database)
    agree(ann, bob, 800)
    work(acme.database)
    assert refused(ann, METHOD, rolled_back(first)).code is FAILED


def test_a_program_may_ask_and_a_member_may_not(
    pricing: Pricing, ann: Seller, bob: Seller, robot: Seller, acme: Organisation
) -> None:
    made = agree(ann, bob, 900)
    work(acme.database)
    assert roll_back(robot, made).requested_by == robot.subject
    mia = pricing.seller(acme, "mia")
    assert refused(mia, METHOD, rolled_back(made)).code is grpc.StatusCode.PERMISSION_DENIED


def test_what_is_not_there_or_a_neighbours_is_not_found(
    pricing: Pricing, ann: Seller, bob: Seller, acme: Organisation, globex: Organisation
) -> None:
    made = agree(ann, bob, 900)
    work(acme.database)
    gina = pricing.seller(globex, "gina", role="owner")
    assert refused(gina, METHOD, rolled_back(made)).code is grpc.StatusCode.NOT_FOUND


def test_a_repeat_gets_the_first_answer_even_when_it_was_taken_back_meanwhile(
    ann: Seller, bob: Seller, acme: Organisation
) -> None:
    made = agree(ann, bob, 1100)
    age(acme.database, acme.org_id, hours=720)
    work(acme.database)
    request = rolled_back(made, request_id=new_id())
    first = ann.call(METHOD, request)
    decide(bob, first.approval)
    work(acme.database)
    assert price(ann) == 1000
    assert ann.call(METHOD, request) == first
