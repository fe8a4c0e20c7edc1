"""Approved changes: what becomes of them, and how they are listed."""

from __future__ import annotations

import grpc
import pytest

from footfall.pricing.v1 import decision_pb2 as pb
from tests.approving import STALE as STALE_APPROVAL
from tests.approving import ask, entries, euros, get, in_hours, make_tier, refused, subscribe
from tests.bargaining import Pricing, Seller, age
from tests.changing import (
    APPROVED,
    EFFECTIVE,
    NOTICE,
    NOTICE_RUNNING,
    STALE,
    SUPERSEDED,
    agree,
    listed,
    pays,
    price,
    read,
)
from tests.effecting import work
from tests.organisations import Organisation


@pytest.fixture(autouse=True)
def _tier(ann: Seller) -> None:
    make_tier(ann)


def test_an_increase_runs_through_its_life(ann: Seller, bob: Seller, acme: Organisation) -> None:
    subscribe(ann, 2)
    made = agree(ann, bob, 1100)
    assert (made.state, made.old_price, made.new_price) == (
        NOTICE_RUNNING, euros(1000), euros(1100),
    )  # fmt: skip
    assert made.effective_time.ToDatetime() - made.approved_at.ToDatetime() == NOTICE
    assert not made.HasField("applied_at")
    work(acme.database)
    assert price(ann) == 1000
    age(acme.database, acme.org_id, hours=720)
    work(acme.database)
    found = read(ann, made)
    assert (found.state, price(ann)) == (EFFECTIVE, 1100)
    assert found.etag != made.etag
    assert found.content_hash == made.content_hash
    assert found.applied_at.ToDatetime() >= found.effective_time.ToDatetime()
    assert (found.subscribers, found.notices_delivered, found.subscribers_effective) == (2, 0, 0)
    assert [pays(ann, "s0"), pays(ann, "s1")] == [1000, 1000]


def test_a_decrease_is_in_force_for_all_within_moments(
    ann: Seller, bob: Seller, acme: Organisation
) -> None:
    subscribe(ann, 2)
    made = agree(ann, bob, 900)
    assert made.state == APPROVED
    work(acme.database)
    found = read(ann, made)
    assert (found.state, found.subscribers, found.subscribers_effective) == (EFFECTIVE, 2, 2)
    assert [pays(ann, "s0"), pays(ann, "s1"), price(ann)] == [900, 900, 900]


def test_a_decrease_waits_for_the_time_that_was_asked_for(
    ann: Seller, bob: Seller, acme: Organisation
) -> None:
    at = in_hours(48)
    made = agree(ann, bob, 900, requested_effective_time=at)
    assert made.effective_time.ToMicroseconds() == at.ToMicroseconds()
    age(acme.database, acme.org_id, hours=47)
    work(acme.database)
    assert (read(ann, made).state, price(ann)) == (APPROVED, 1000)
    age(acme.database, acme.org_id, hours=1)
    work(acme.database)
    assert (read(ann, made).state, price(ann)) == (EFFECTIVE, 900)


def test_with_a_new_price_the_old_is_superseded_and_all_else_of_the_tier_stale(
    ann: Seller, bob: Seller, acme: Organisation
) -> None:
    first = agree(ann, bob, 900)
    work(acme.database)
    waiting, second = ask(ann, 950), agree(ann, bob, 800)
    doomed = agree(ann, bob, 1200)
    work(acme.database)
    states = [read(ann, one).state for one in (first, second, doomed)]
    assert states == [SUPERSEDED, EFFECTIVE, STALE]
    assert get(ann, waiting).state == STALE_APPROVAL
    assert read(ann, doomed).problem
    [(action, actor, role, _)] = entries(acme, doomed.price_change_id, "price_change%")
    assert (action, actor, role) == ("price_change.stale", "pricing", "service")


def test_they_are_listed_the_latest_approved_first_by_state_and_tier(
    ann: Seller, bob: Seller, acme: Organisation
) -> None:
    make_tier(ann, "max", 5000)
    made = [agree(ann, bob, 900 - number) for number in range(3)]
    other = agree(ann, bob, 6000, "max")
    ids = [one.price_change_id for one in (other, *reversed(made))]
    assert [one.price_change_id for one in listed(ann)] == ids
    assert [one.price_change_id for one in listed(ann, tier_id="max")] == ids[:1]
    work(acme.database)
    assert [one.price_change_id for one in listed(ann, states=[EFFECTIVE])] == ids[3:]
    assert len(listed(ann, states=[STALE, NOTICE_RUNNING])) == 3
    assert listed(ann, tier_id="none") == []


def test_a_list_goes_on_where_the_page_before_ended(ann: Seller, bob: Seller) -> None:
    made = {agree(ann, bob, 900 - number).price_change_id for number in range(5)}
    found, request = [], pb.ListPriceChangesRequest(page_size=2)
    while True:
        page = ann.call("ListPriceChanges", request)
        assert len(page.price_changes) <= 2
        found += [one.price_change_id for one in page.price_changes]
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break
    assert len(found) == 5
    assert set(found) == made


def test_a_token_of_another_list_is_refused(ann: Seller, bob: Seller) -> None:
    for number in range(2):
        agree(ann, bob, 900 - number)
    page = ann.call("ListPriceChanges", pb.ListPriceChangesRequest(page_size=1))
    other = pb.ListPriceChangesRequest(page_token=page.next_page_token, tier_id="pro")
    assert refused(ann, "ListPriceChanges", other).reason == "INVALID_PAGE_TOKEN"


def test_neighbours_see_nothing_of_it(
    pricing: Pricing, ann: Seller, bob: Seller, globex: Organisation
) -> None:
    agree(ann, bob)
    assert listed(pricing.seller(globex, "gina", role="owner")) == []


def test_members_do_not_read_them(pricing: Pricing, acme: Organisation) -> None:
    told = refused(pricing.seller(acme, "mia"), "ListPriceChanges", pb.ListPriceChangesRequest())
    assert told.code is grpc.StatusCode.PERMISSION_DENIED
