"""Changes that are stopped before their time."""

from __future__ import annotations

import grpc
import pytest

from tests.approving import entries, make_tier, new_id, refused
from tests.bargaining import Pricing, Seller, age
from tests.changing import CANCELLED, agree, cancel, cancelled, price, read
from tests.effecting import listen, messages, work
from tests.guarding import Till
from tests.organisations import Organisation

DENIED = grpc.StatusCode.PERMISSION_DENIED
ABORTED = grpc.StatusCode.ABORTED
FAILED = grpc.StatusCode.FAILED_PRECONDITION
METHOD = "CancelPriceChange"


@pytest.fixture(autouse=True)
def _tier(ann: Seller) -> None:
    make_tier(ann)


def test_what_is_cancelled_never_takes_effect(ann: Seller, bob: Seller, acme: Organisation) -> None:
    made = agree(ann, bob, 1100)
    stopped = cancel(ann, made, notes="the market moved")
    assert (stopped.state, stopped.problem) == (CANCELLED, "the market moved")
    assert stopped.etag != made.etag
    assert read(bob, made) == stopped
    age(acme.database, acme.org_id, days=31)
    work(acme.database)
    assert price(ann) == 1000
    assert read(ann, made).state == CANCELLED
    [(action, actor, role, details)] = entries(acme, made.price_change_id, "price_change%")
    assert (action, actor, role) == ("price_change.cancel", "ann", "admin")
    assert details["notes"] == "the market moved"
    assert (details["old_minor"], details["new_minor"]) == (1000, 1100)
    assert details["content_hash"] == made.content_hash


def test_whoever_listens_is_told_once(ann: Seller, bob: Seller, acme: Organisation) -> None:
    till = Till(acme)
    quiet = agree(ann, bob, 1050)
    cancel(ann, quiet)
    assert messages(till) == []
    listen(till)
    made = agree(ann, bob, 1100)
    request = cancelled(made, request_id=new_id(), notes="the market moved")
    for _ in range(2):
        ann.call(METHOD, request)
    [(_, body)] = messages(till)
    assert body["data"]["price_change_id"] == made.price_change_id
    assert body["data"]["state"] == "PRICE_CHANGE_STATE_CANCELLED"
    assert body["data"]["problem"] == "the market moved"


def test_with_an_etag_of_before_it_is_refused(ann: Seller, bob: Seller) -> None:
    made = agree(ann, bob, 1100)
    told = refused(ann, METHOD, cancelled(made, etag="0123456789abcdef"))
    assert (told.code, told.reason) == (ABORTED, "STALE_ETAG")
    assert read(ann, made) == made


@pytest.mark.parametrize("field", ["etag", "notes", "price_change_id"])
def test_what_is_missing_is_named(ann: Seller, bob: Seller, field: str) -> None:
    request = cancelled(agree(ann, bob, 1100))
    setattr(request, field, "")
    assert field in refused(ann, METHOD, request).violations


def test_spaces_are_no_reason(ann: Seller, bob: Seller) -> None:
    told = refused(ann, METHOD, cancelled(agree(ann, bob, 1100), notes="  "))
    assert list(told.violations) == ["notes"]


def test_what_is_in_force_is_rolled_back_not_cancelled(
    ann: Seller, bob: Seller, acme: Organisation
) -> None:
    made = agree(ann, bob, 900)
    work(acme.database)
    for change in (made, read(ann, made)):
        told = refused(ann, METHOD, cancelled(change))
        assert (told.code, told.reason) == (FAILED, "ALREADY_APPLIED")
    assert price(ann) == 900


def test_what_is_due_is_not_cancelled(ann: Seller, bob: Seller, acme: Organisation) -> None:
    """Whether or not the worker has come to it yet."""
    made = agree(ann, bob, 900)
    told = refused(ann, METHOD, cancelled(made))
    assert (told.code, told.reason) == (FAILED, "FAILED_PRECONDITION")
    assert "has come" in told.message
    work(acme.database)
    assert price(ann) == 900


def test_what_is_over_is_not_cancelled(ann: Seller, bob: Seller) -> None:
    stopped = cancel(ann, agree(ann, bob, 1100))
    told = refused(ann, METHOD, cancelled(stopped))
    assert (told.code, told.reason) == (FAILED, "FAILED_PRECONDITION")


def test_programs_and_members_cancel_nothing(
    pricing: Pricing, ann: Seller, bob: Seller, robot: Seller, acme: Organisation
) -> None:
    made = agree(ann, bob, 1100)
    for caller in (robot, pricing.seller(acme, "mia")):
        assert refused(caller, METHOD, cancelled(made)).code is DENIED
    assert read(ann, made) == made


def test_neighbours_find_nothing_to_cancel(
    pricing: Pricing, ann: Seller, bob: Seller, globex: Organisation
) -> None:
    made = agree(ann, bob, 1100)
    gina = pricing.seller(globex, "gina", role="owner")
    assert refused(gina, METHOD, cancelled(made)).code is grpc.StatusCode.NOT_FOUND


def test_a_repeat_gets_the_first_answer(ann: Seller, bob: Seller, acme: Organisation) -> None:
    made = agree(ann, bob, 1100)
    request = cancelled(made, request_id=new_id())
    assert ann.call(METHOD, request) == ann.call(METHOD, request)
    assert len(entries(acme, made.price_change_id, "price_change%")) == 1
