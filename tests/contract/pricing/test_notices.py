"""Subscribers are told of an increase, and pay it 30×24 hours after that, not before."""  # noqa: RUF002

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from footfall.pricing.v1 import approval_pb2
from tests.approving import entries, make_tier, new_id, refused, subscribe
from tests.bargaining import Pricing, Seller, age
from tests.changing import NOTICE, agree, cancel, pays, read, stamp, tell, told
from tests.effecting import work
from tests.organisations import Organisation

FAILED = grpc.StatusCode.FAILED_PRECONDITION
METHOD = "RecordNoticeDelivered"
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _tier(ann: Seller) -> None:
    make_tier(ann)
    subscribe(ann, 3)


@pytest.fixture
def increase(ann: Seller, bob: Seller) -> approval_pb2.PriceChange:
    return agree(ann, bob, 1100)


def test_who_was_told_pays_after_the_notice_and_who_was_not_does_not(
    ann: Seller, increase: approval_pb2.PriceChange, acme: Organisation
) -> None:
    answer = tell(ann, increase, "c0")
    assert answer.effective_time.ToDatetime() - answer.delivered_at.ToDatetime() == NOTICE
    assert read(ann, increase).notices_delivered == 1
    age(acme.database, acme.org_id, hours=720, seconds=30)
    work(acme.database)
    assert [pays(ann, f"s{number}") for number in range(3)] == [1100, 1000, 1000]
    found = read(ann, increase)
    assert (found.subscribers, found.notices_delivered, found.subscribers_effective) == (3, 1, 1)


def test_who_is_told_late_pays_later(
    ann: Seller, increase: approval_pb2.PriceChange, acme: Organisation
) -> None:
    age(acme.database, acme.org_id, days=50)
    work(acme.database)
    answer = tell(ann, increase, "c1")
    assert answer.effective_time.ToDatetime() - answer.delivered_at.ToDatetime() == NOTICE
    age(acme.database, acme.org_id, hours=719)
    work(acme.database)
    assert pays(ann, "s1") == 1000
    age(acme.database, acme.org_id, hours=1, seconds=1)
    work(acme.database)
    assert pays(ann, "s1") == 1100


def test_nobody_pays_before_the_change_itself_however_early_they_were_told(
    ann: Seller, bob: Seller, acme: Organisation
) -> None:
    late = stamp(datetime.now(UTC) + timedelta(days=100))
    change = agree(ann, bob, 1100, requested_effective_time=late)
    answer = tell(ann, change)
    assert answer.effective_time == change.effective_time
    age(acme.database, acme.org_id, days=99)
    work(acme.database)
    assert pays(ann, "s0") == 1000
    age(acme.database, acme.org_id, days=1, seconds=5)
    work(acme.database)
    assert pays(ann, "s0") == 1100


def test_a_notice_of_before_is_recorded_with_its_time(
    ann: Seller, increase: approval_pb2.PriceChange, acme: Organisation
) -> None:
    age(acme.database, acme.org_id, days=10)
    delivered = stamp(datetime.now(UTC) - 5 * DAY)
    answer = tell(ann, increase, delivered_at=delivered)
    assert answer.delivered_at.ToMicroseconds() == delivered.ToMicroseconds()
    [(action, actor, _, details)] = entries(acme, increase.price_change_id, "price_notice%")
    assert (action, actor) == ("price_notice.record", "ann")
    assert (details["client_id"], details["channel"]) == ("c0", "e-mail 17")


def test_the_first_record_stands(
    ann: Seller, bob: Seller, increase: approval_pb2.PriceChange, acme: Organisation
) -> None:
    first = tell(ann, increase)
    again = tell(bob, increase, delivered_at=increase.approved_at, channel="post")
    assert again == first
    assert len(entries(acme, increase.price_change_id, "price_notice%")) == 1


AHEAD = {"ahead": timedelta(seconds=40), "by a clock that is a day ahead": timedelta(hours=25)}


@pytest.mark.parametrize("ahead", AHEAD.values(), ids=AHEAD.keys())
def test_what_is_yet_to_come_is_refused(
    ann: Seller, increase: approval_pb2.PriceChange, ahead: timedelta
) -> None:
    _refuses(ann, increase, stamp(datetime.now(UTC) + ahead))


def test_nobody_was_told_before_it_was_agreed_to(
    ann: Seller, increase: approval_pb2.PriceChange
) -> None:
    at = increase.approved_at
    _refuses(ann, increase, Timestamp(seconds=at.seconds - 1, nanos=at.nanos))
    assert tell(ann, increase, delivered_at=at).delivered_at == at


def test_what_is_no_time_is_refused(ann: Seller, increase: approval_pb2.PriceChange) -> None:
    for moment in (Timestamp(seconds=10**12), Timestamp(seconds=1, nanos=-1)):
        _refuses(ann, increase, moment)


def _refuses(seller: Seller, change: approval_pb2.PriceChange, delivered_at: Timestamp) -> None:
    refusal = refused(seller, METHOD, told(change, delivered_at=delivered_at))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert list(refusal.violations) == ["delivered_at"]
    assert read(seller, change).notices_delivered == 0


def test_only_subscribers_are_told(ann: Seller, increase: approval_pb2.PriceChange) -> None:
    assert refused(ann, METHOD, told(increase, "stranger")).code is FAILED


def test_a_decrease_needs_no_notice(ann: Seller, bob: Seller) -> None:
    assert refused(ann, METHOD, told(agree(ann, bob, 900))).code is FAILED


def test_of_what_is_over_nobody_is_told(ann: Seller, increase: approval_pb2.PriceChange) -> None:
    cancel(ann, increase)
    assert refused(ann, METHOD, told(increase)).code is FAILED


def test_programs_record_notices_and_members_do_not(
    pricing: Pricing, robot: Seller, increase: approval_pb2.PriceChange, acme: Organisation
) -> None:
    assert tell(robot, increase).HasField("effective_time")
    mia = pricing.seller(acme, "mia")
    assert refused(mia, METHOD, told(increase)).code is grpc.StatusCode.PERMISSION_DENIED


def test_a_neighbour_has_no_such_change(
    pricing: Pricing, increase: approval_pb2.PriceChange, globex: Organisation
) -> None:
    gina = pricing.seller(globex, "gina", role="owner")
    assert refused(gina, METHOD, told(increase)).code is grpc.StatusCode.NOT_FOUND


def test_a_repeat_gets_the_first_answer(ann: Seller, increase: approval_pb2.PriceChange) -> None:
    request = told(increase, request_id=new_id())
    assert ann.call(METHOD, request) == ann.call(METHOD, request)
