"""What is asked changes: the content is another, and what was said of it is void."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import grpc
import pytest

from footfall.pricing.v1 import approval_pb2 as pb
from tests.approving import (
    APPROVED,
    CHANGES_REQUESTED,
    PENDING,
    actions,
    apply,
    ask,
    changes,
    decide,
    decision,
    entries,
    euros,
    get,
    in_hours,
    make_tier,
    new_id,
    refused,
    revise,
    revised,
    subscribe,
    withdrawn,
)
from tests.bargaining import Pricing, Seller, age
from tests.organisations import Organisation

FAILED = grpc.StatusCode.FAILED_PRECONDITION
FORTNIGHT = timedelta(hours=14 * 24)


@pytest.fixture(autouse=True)
def _tier(ann: Seller) -> None:
    make_tier(ann)


@pytest.fixture
def carl(pricing: Pricing, acme: Organisation) -> Seller:
    """A third administrator."""
    return pricing.seller(acme, "carl", role="admin")


def test_a_revision_is_another_content(ann: Seller, robot: Seller, acme: Organisation) -> None:
    made = ask(ann, 900)
    age(acme.database, acme.org_id, hours=100)
    subscribe(ann, 2)
    at = in_hours(30)
    request = revised(made, 850, request_id=new_id(), requested_effective_time=at)
    answer = robot.call("ReviseApproval", request)
    after = answer.approval
    assert (after.approval_id, after.state, after.revision) == (made.approval_id, PENDING, 2)
    assert (after.current_price, after.proposed_price) == (euros(1000), euros(850))
    assert after.requested_effective_time.ToMicroseconds() == at.ToMicroseconds()
    assert after.content_hash != made.content_hash
    assert after.etag != made.etag
    assert (made.evidence.subscribers, after.evidence.subscribers) == (0, 2)
    assert after.evidence.change_percent == -15.0
    assert (after.requested_by, list(after.contributors)) == ("ann", ["ann", "backend"])
    open_for = after.expires_at.ToDatetime() - after.requested_at.ToDatetime()
    assert timedelta(hours=99) < open_for - FORTNIGHT < timedelta(hours=101)
    assert robot.call("ReviseApproval", request) == answer
    assert actions(acme, made) == ["approval.request", "approval.revise"]
    assert changes(acme, made) == 2
    assert entries(acme, made.approval_id)[1][3]["content_hash"] == after.content_hash


def test_the_same_content_again_is_another_content(ann: Seller) -> None:
    made = ask(ann, 900)
    after = revise(ann, made, 900, reason=made.reason)
    assert after.revision == 2
    assert after.etag != made.etag


def test_what_was_said_of_the_content_before_is_void(ann: Seller, bob: Seller) -> None:
    made = ask(ann, 900)
    back = decide(bob, made, "RequestChanges", notes="too low").approval
    assert back.state == CHANGES_REQUESTED
    after = revise(ann, back, 950)
    assert after.state == PENDING
    [said] = after.verdicts
    assert said.void
    assert (said.revision, said.content_hash, said.notes) == (1, made.content_hash, "too low")
    final = decide(bob, after).approval
    assert [(one.revision, one.void) for one in final.verdicts] == [(1, True), (2, False)]
    assert final.verdicts[1].content_hash == after.content_hash


@pytest.mark.usefixtures("carl")
def test_consent_to_one_content_is_none_to_another(
    ann: Seller, bob: Seller, acme: Organisation
) -> None:
    """Somebody read 9.00, and meanwhile 5.00 is asked for: 5.00 never comes into force by that."""
    made = ask(ann, 900)
    read = decision("ApprovePriceChange", made)
    after = revise(ann, made, 500)
    told = refused(bob, "ApprovePriceChange", read)
    assert (told.code, told.reason) == (grpc.StatusCode.ABORTED, "STALE_ETAG")
    assert _word(acme, after, bytes.fromhex(made.content_hash)) == "CONTENT"
    assert get(ann, made) == after
    assert not acme.database.execute("SELECT FROM app.price_changes WHERE org_id = %s", acme.org_id)
    change = decide(bob, after).price_change
    assert (change.new_price, change.content_hash) == (euros(500), after.content_hash)


def test_what_is_agreed_to_changes_no_more(ann: Seller, bob: Seller, acme: Organisation) -> None:
    made = ask(ann, 900)
    answer = decide(bob, made)
    for etag, code in ((answer.approval.etag, FAILED), (made.etag, grpc.StatusCode.ABORTED)):
        assert refused(ann, "ReviseApproval", revised(made, 500, etag=etag)).code is code
        assert refused(ann, "WithdrawApproval", withdrawn(made, etag=etag)).code is code
    after = get(ann, made)
    assert after == answer.approval
    assert after.state == APPROVED
    assert answer.price_change.new_price == euros(900)
    apply(acme, after.price_change_id)


def test_who_revises_from_an_older_reading_is_told(ann: Seller, bob: Seller) -> None:
    made = ask(ann, 900)
    after = revise(ann, made, 850)
    told = refused(bob, "ReviseApproval", revised(made, 800))
    assert (told.code, told.reason) == (grpc.StatusCode.ABORTED, "STALE_ETAG")
    assert get(ann, made) == after


def test_a_revision_is_checked_like_a_request(ann: Seller) -> None:
    made = ask(ann, 900)
    for request, field in (
        (revised(made, 1000), "proposed_price"),
        (revised(made, 800, reason=" \n"), "reason"),
        (revised(made, 800, etag=""), "etag"),
    ):
        assert list(refused(ann, "ReviseApproval", request).violations) == [field]
    soon = revised(made, 1100, requested_effective_time=in_hours(700))
    assert refused(ann, "ReviseApproval", soon).reason == "NOTICE_TOO_SHORT"
    dollars = revised(made)
    dollars.proposed_price.currency_code = "USD"
    told = refused(ann, "ReviseApproval", dollars)
    assert list(told.violations) == ["proposed_price.currency_code"]
    assert get(ann, made) == made


def test_what_is_stale_is_asked_anew(ann: Seller, bob: Seller, acme: Organisation) -> None:
    """A price that moved ends the request; it is not carried over to another base."""
    one, other = ask(ann, 900), ask(bob, 950)
    apply(acme, decide(bob, one).price_change.price_change_id)
    told = refused(bob, "ReviseApproval", revised(other, 920))
    assert (told.code, told.reason) == (FAILED, "STALE_APPROVAL")
    again = ask(bob, 950)
    assert (again.current_price, again.base_price_version) == (euros(900), 2)


def _word(acme: Organisation, approval: pb.Approval, content_hash: bytes) -> str:
    """What the database says to an agreement to this content."""
    database, approval_id = acme.database, UUID(approval.approval_id)
    [(number,)] = database.execute(
        "SELECT etag FROM app.approvals WHERE org_id = %s AND approval_id = %s",
        acme.org_id, approval_id,
    )  # fmt: skip
    with database.connect("footfall_pricing") as connection, connection.transaction():
        connection.execute("SELECT app.set_identity(%s, 'admin', 'carl')", (acme.org_id,))
        values = (acme.org_id, approval_id, number, content_hash, uuid4())
        statement = "SELECT app.price_decide(%s, %s, %s, %s, 1::smallint, 'yes', %s)"
        row = connection.execute(statement, values).fetchone()
    assert row is not None
    return str(row[0])
