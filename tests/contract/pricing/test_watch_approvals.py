"""Following requests as they change."""

from __future__ import annotations

import threading
from typing import Any, Self

import grpc
import pytest

from footfall.pricing.v1 import approval_pb2 as pb
from shared.following import ROWS
from tests.approving import (
    APPROVED,
    CHANGES_REQUESTED,
    EXPIRED,
    PENDING,
    WITHDRAWN,
    ask,
    decide,
    decision,
    make_tier,
    refused,
    revise,
    withdrawn,
)
from tests.bargaining import Pricing, Seller, age
from tests.ingesting import refusal
from tests.organisations import Organisation


class Watch:
    """A watch that reads in a thread of its own; closed by leaving."""

    def __init__(self, seller: Seller, **request: Any) -> None:
        self.shown: list[pb.Approval] = []
        self.token = ""
        self._stream = seller.call(
            "WatchApprovals", pb.WatchApprovalsRequest(**request), timeout=60
        )
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            for message in self._stream:
                with self._changed:
                    self.shown += message.approvals
                    self.token = message.resume_token
                    self._changed.notify_all()
        except grpc.RpcError:
            return

    def wait_for(self, count: int) -> list[pb.Approval]:
        """The requests so far, once there are so many."""
        with self._changed:
            enough = self._changed.wait_for(
                lambda: self.token and len(self.shown) >= count, timeout=30
            )
            assert enough, self.shown
            return list(self.shown)

    def __enter__(self) -> Self:
        self.wait_for(0)
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.cancel()


def first_of(seller: Seller, **request: Any) -> pb.WatchApprovalsResponse:
    """The first message of a watch."""
    stream = seller.call("WatchApprovals", pb.WatchApprovalsRequest(**request), timeout=20)
    message: pb.WatchApprovalsResponse = next(stream)
    stream.cancel()
    return message


def stream_refused(seller: Seller, token: str, tier_id: str = "") -> str:
    """Why a watch does not begin."""
    with pytest.raises(grpc.RpcError) as caught:
        first_of(seller, resume_token=token, tier_id=tier_id)
    return refusal(caught.value).reason


@pytest.fixture(autouse=True)
def _tiers(ann: Seller) -> None:
    make_tier(ann)
    make_tier(ann, "basic")


def test_a_watch_sends_every_transition(ann: Seller, bob: Seller, acme: Organisation) -> None:
    ask(ann, 990)
    with Watch(bob) as watch:
        made = ask(ann)
        assert watch.wait_for(1) == [made]
        back = decide(bob, made, "RequestChanges").approval
        watch.wait_for(2)
        after = revise(ann, back)
        watch.wait_for(3)
        final = decide(bob, after).approval
        assert watch.wait_for(4) == [made, back, after, final]
        assert [one.state for one in watch.shown] == [
            PENDING, CHANGES_REQUESTED, PENDING, APPROVED,
        ]  # fmt: skip
        gone = ask(ann)
        watch.wait_for(5)
        ann.call("WithdrawApproval", withdrawn(gone))
        assert watch.wait_for(6)[5].state == WITHDRAWN
        late = ask(ann)
        watch.wait_for(7)
        age(acme.database, acme.org_id, days=15)
        refused(bob, "ApprovePriceChange", decision("ApprovePriceChange", late))
        assert watch.wait_for(8)[7].state == EXPIRED


def test_a_watch_goes_on_where_it_ended(ann: Seller, bob: Seller) -> None:
    with Watch(ann) as watch:
        one = ask(ann)
        watch.wait_for(1)
        token = watch.token
    decide(bob, one, "RejectPriceChange")
    other = ask(ann)
    final = decide(bob, other).approval
    with Watch(ann, resume_token=token) as watch:
        shown = watch.wait_for(2)
        assert [(each.approval_id, each.state) for each in shown] == [
            (one.approval_id, 3), (final.approval_id, APPROVED),
        ]  # fmt: skip
        last = watch.token
    with Watch(ann, resume_token=last) as watch:
        third = ask(ann)
        assert watch.wait_for(1) == [third]


def test_what_changes_twice_before_it_is_sent_is_sent_once(ann: Seller, bob: Seller) -> None:
    token = first_of(ann).resume_token
    made = [ask(ann, 900 - number) for number in range(ROWS - 1)]
    final = [decide(bob, one, "RejectPriceChange").approval for one in made]
    with Watch(ann, resume_token=token) as watch:
        last = ask(ann)
        assert watch.wait_for(len(final) + 1)[: len(final) + 1] == [*final, last]


def test_what_changes_behind_one_who_still_writes_is_sent_once(
    ann: Seller, bob: Seller, acme: Organisation
) -> None:
    token = first_of(ann).resume_token
    made = ask(ann)
    other = ask(ann, 950)
    with acme.database.connect() as writer:
        with writer.transaction():
            writer.execute("SELECT pg_current_xact_id()")
            final = decide(bob, made).approval
            with Watch(ann, resume_token=token) as watch:
                assert watch.wait_for(1) == [other]  # the row of `made` is newer than the log seen
                before = watch.token
        with Watch(ann, resume_token=before) as watch:
            last = ask(ann, 970)
            assert watch.wait_for(2) == [final, last]


def test_a_watch_of_a_tier_shows_no_other(ann: Seller) -> None:
    with Watch(ann, tier_id="basic") as watch:
        ask(ann)
        made = ask(ann, 900, "basic")
        assert watch.wait_for(1) == [made]


def test_tokens_are_bound_to_filter_and_organisation(
    ann: Seller, pricing: Pricing, globex: Organisation
) -> None:
    token = first_of(ann).resume_token
    assert stream_refused(ann, token, "basic") == "INVALID_PAGE_TOKEN"
    assert stream_refused(ann, token[:-4] + "AAAA") == "INVALID_PAGE_TOKEN"
    stranger = pricing.seller(globex, "ann", role="admin")
    assert stream_refused(stranger, token) == "INVALID_PAGE_TOKEN"
    assert first_of(ann, resume_token=token).resume_token


def test_a_watch_shows_nothing_of_others(
    ann: Seller, pricing: Pricing, globex: Organisation
) -> None:
    stranger = pricing.seller(globex, "zoe", role="admin")
    make_tier(stranger)
    with Watch(stranger) as watch:
        ask(ann)
        made = ask(stranger)
        assert watch.wait_for(1) == [made]
