"""Who decides on a price, on what, and until when."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import grpc
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from footfall.pricing.v1 import approval_pb2 as pb
from footfall.pricing.v1 import price_pb2
from shared.clock import SystemClock
from shared.data_dir import DataDir
from shared.identity.internal import InternalSigner
from shared.identity.wiring import internal_key
from shared.settings import IdentitySettings
from tests.approving import (
    ACTS,
    APPROVED,
    DECISIONS,
    ENDS,
    EXPIRED,
    PENDING,
    STALE,
    actions,
    apply,
    ask,
    changes,
    decide,
    decision,
    ending,
    entries,
    euros,
    get,
    make_tier,
    new_id,
    refused,
    revise,
    revised,
    withdrawn,
)
from tests.bargaining import Pricing, Seller, add_member, age, running_pricing
from tests.credentials import ISSUER, KEY_ID, Issuer
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase

ABORTED = grpc.StatusCode.ABORTED
DENIED = grpc.StatusCode.PERMISSION_DENIED
FAILED = grpc.StatusCode.FAILED_PRECONDITION
INVALID = grpc.StatusCode.INVALID_ARGUMENT

SELF = "PERMISSION_DENIED SELF_APPROVAL"
ROLE = "PERMISSION_DENIED ROLE_NOT_PERMITTED"
TRIES = 500


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="module")
def trusting(
    shared_database: MigratedDatabase, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pricing]:
    """A process that believes the tokens of an issuer too."""
    file: Path = tmp_path_factory.mktemp("keys") / f"{KEY_ID}.pem"
    public = issuer.key.public_key()
    file.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with running_pricing(
        shared_database, FOOTFALL_JWT_ISSUER=ISSUER, FOOTFALL_JWT_KEY_FILES=str(file)
    ) as running:
        yield running


@pytest.fixture
def carl(pricing: Pricing, acme: Organisation) -> Seller:
    """A third administrator."""
    return pricing.seller(acme, "carl", role="admin")


@pytest.fixture(autouse=True)
def _tier(ann: Seller) -> None:
    make_tier(ann)


class People:
    """Callers of one organisation by any credential that there is."""

    def __init__(self, pricing: Pricing, acme: Organisation, issuer: Issuer) -> None:
        self.pricing, self.acme, self.issuer = pricing, acme, issuer

    def by_token(self, subject: str, role: str = "admin") -> Seller:
        """By a token of the issuer."""
        claims = {"sub": subject, "org": str(self.acme.org_id), "role": role}
        return Seller(self.pricing.address, self.issuer.token(**claims), subject)

    def by_key(self, subject: str, role: str) -> Seller:
        """By a key of a role, whatever its subject is as a member."""
        return Seller(self.pricing.address, self.acme.api_key(subject, role=role), subject)

    def by_service(self, act: str) -> Seller:
        """By the token of one of our own services, because somebody asked it."""
        key = internal_key(IdentitySettings(), DataDir(self.acme.database.data_dir.root))
        token = InternalSigner(key, "gateway", SystemClock()).token(self.acme.org_id, act)
        return Seller(self.pricing.address, token, act)


@pytest.fixture
def people(trusting: Pricing, acme: Organisation, issuer: Issuer) -> People:
    return People(trusting, acme, issuer)


@pytest.mark.parametrize("method", DECISIONS)
def test_somebody_else_decides(ann: Seller, bob: Seller, acme: Organisation, method: str) -> None:
    made = ask(ann)
    request = decision(method, made, request_id=new_id(), notes="  as we said\n")
    answer = bob.call(method, request)
    after = answer.approval
    assert after.state == ENDS[method]
    [verdict] = after.verdicts
    assert (verdict.decided_by, verdict.role, verdict.revision) == ("bob", "admin", 1)
    assert (verdict.notes, verdict.content_hash) == ("  as we said\n", made.content_hash)
    assert not verdict.void
    assert after.etag != made.etag
    assert (after.content_hash, after.evidence) == (made.content_hash, made.evidence)
    assert bool(after.price_change_id) == (method == "ApprovePriceChange")
    assert bob.call(method, request) == answer
    assert get(ann, made) == after
    assert actions(acme, made) == ["approval.request", ACTS[method]]
    assert changes(acme, made) == 2
    details = entries(acme, made.approval_id)[1][3]
    assert (details["content_hash"], details["notes"]) == (made.content_hash, verdict.notes)
    assert (details["current_minor"], details["proposed_minor"]) == (1000, 900)


def test_an_agreement_makes_the_change(ann: Seller, bob: Seller) -> None:
    made = ask(ann, 900)
    answer = decide(bob, made)
    change, after = answer.price_change, answer.approval
    assert (change.price_change_id, change.approval_id) == (
        after.price_change_id, made.approval_id,
    )  # fmt: skip
    assert (change.old_price, change.new_price) == (euros(1000), euros(900))
    assert change.content_hash == made.content_hash
    found = ann.call("GetApproval", pb.GetApprovalRequest(approval_id=made.approval_id))
    assert (found.approval, found.price_change) == (after, change)


@pytest.mark.parametrize("method", DECISIONS)
def test_nobody_decides_on_what_they_asked_or_revised(
    ann: Seller, bob: Seller, carl: Seller, people: People, method: str
) -> None:
    made = ask(ann)
    second = people.by_key("ann", "admin")
    for again in (ann, second, people.by_token("ann"), people.by_token("ann", "owner")):
        assert ending(again, method, decision(method, made)) == SELF
        assert ending(again, method, decision(method, made, etag="any")) == SELF
    after = revise(bob, made)
    assert list(after.contributors) == ["ann", "bob"]
    for one in (ann, bob, people.by_token("bob")):
        assert ending(one, method, decision(method, after)) == SELF
    assert get(ann, made).state == PENDING
    assert decide(carl, after, method).approval.state == ENDS[method]
    assert ending(bob, method, decision(method, after)) == SELF


def test_who_had_a_service_ask_does_not_decide(
    bob: Seller, ann: Seller, people: People, acme: Organisation
) -> None:
    made = ask(people.by_service("bob"))
    assert made.requested_by == "bob"
    assert set(made.contributors) == {"gateway", "bob"}
    assert ending(bob, "ApprovePriceChange", decision("ApprovePriceChange", made)) == SELF
    assert entries(acme, made.approval_id)[0][1:3] == ("bob", "service")
    assert decide(ann, made).approval.state == APPROVED


@pytest.mark.parametrize("method", DECISIONS)
def test_a_service_never_decides_whatever_its_credential(
    ann: Seller, robot: Seller, people: People, acme: Organisation, method: str
) -> None:
    made = ask(ann)
    add_member(acme, "adele", "admin")
    add_member(acme, "bot", "service")
    for one in (
        robot,
        people.by_key("adele", "service"),
        people.by_token("adele", "service"),
        people.by_key("bot", "admin"),
        people.by_token("bot", "owner"),
        people.by_service("adele"),
        people.by_service("ann"),
        people.by_token("mia", "member"),
        people.by_token("mia", "owner"),
    ):
        assert ending(one, method, decision(method, made)) == ROLE
        absent = decision(method, pb.Approval(approval_id=new_id(), etag="any"))
        assert ending(one, method, absent) == ROLE
    assert get(ann, made) == made
    assert decide(people.by_token("adele"), made, method).approval.state == ENDS[method]


def test_a_service_asks_and_somebody_decides(robot: Seller, bob: Seller) -> None:
    made = ask(robot)
    assert list(made.contributors) == ["backend"]
    assert decide(bob, made).approval.state == APPROVED


@pytest.mark.parametrize("change", ["disabled = true", "role = 'service'", "role = 'member'"])
def test_who_is_administrator_no_more_decides_no_more(
    ann: Seller, bob: Seller, acme: Organisation, change: str
) -> None:
    decide(bob, ask(ann))  # so that the process knows them
    made = ask(ann)
    acme.database.execute(
        f"UPDATE app.members SET {change} WHERE org_id = %s AND subject = 'bob'", acme.org_id
    )
    for method in DECISIONS:
        assert ending(bob, method, decision(method, made)) == ROLE
    assert get(ann, made) == made


def test_none_of_five_hundred_tries_approves_what_is_ones_own(
    ann: Seller, bob: Seller, carl: Seller, people: People
) -> None:
    chance = random.Random(41)
    made = ask(ann)
    ours = {
        "ann": [ann, people.by_token("ann"), people.by_key("ann", "admin")],
        "bob": [bob, people.by_token("bob"), people.by_key("bob", "admin")],
    }
    tried = 0
    while tried < TRIES:
        if tried % 100 == 99:
            made = revise(chance.choice([ann, bob]), made, 800 + tried)
        for name in made.contributors:
            method, one = chance.choice([*DECISIONS]), chance.choice(ours[name])
            etag = chance.choice([made.etag, "old", new_id()])
            request = decision(method, made, etag=etag, request_id=chance.choice(["", new_id()]))
            assert ending(one, method, request) == SELF
            tried += 1
    assert get(carl, made) == made


@pytest.mark.parametrize("method", DECISIONS)
@pytest.mark.parametrize("field", ["etag", "notes", "approval_id"])
def test_what_is_missing_is_named(ann: Seller, bob: Seller, method: str, field: str) -> None:
    made = ask(ann)
    told = refused(bob, method, _without(method, made, field))
    assert (told.code, list(told.violations)) == (INVALID, [field])
    assert get(ann, made) == made


def _without(method: str, made: pb.Approval, field: str) -> object:
    request = decision(method, made)
    request.ClearField(field)
    return request


@pytest.mark.parametrize("notes", [" ", "\t\r\n", "\u00a0\u2003", "\u200b\u2060"])
def test_notes_have_to_say_something(ann: Seller, bob: Seller, notes: str) -> None:
    made = ask(ann)
    for method in DECISIONS:
        told = refused(bob, method, decision(method, made, notes=notes))
        assert (told.code, list(told.violations)) == (INVALID, ["notes"])
    assert get(ann, made) == made


def test_a_stale_etag_decides_nothing(ann: Seller, bob: Seller, carl: Seller) -> None:
    made = ask(ann)
    after = revise(ann, made)
    told = refused(carl, "ApprovePriceChange", decision("ApprovePriceChange", made))
    assert (told.code, told.reason) == (ABORTED, "STALE_ETAG")
    assert decide(bob, after).approval.state == APPROVED


@pytest.mark.parametrize(("first", "second"), [*itertools.product(DECISIONS, repeat=2)])
def test_a_decision_after_another_is_too_late(
    ann: Seller, bob: Seller, carl: Seller, first: str, second: str
) -> None:
    made = ask(ann)
    after = decide(bob, made, first).approval
    state = pb.ApprovalState.Name(after.state).removeprefix("APPROVAL_STATE_")
    for one in (bob, carl):
        told = refused(one, second, decision(second, made))
        assert (told.code, told.reason) == (ABORTED, "STALE_ETAG")
        told = refused(one, second, decision(second, after))  # to read it again would not help
        assert (told.code, told.reason) == (FAILED, "FAILED_PRECONDITION")
        assert f"is {state}" in told.message
    assert get(ann, made) == after


def test_what_is_withdrawn_is_not_decided(ann: Seller, bob: Seller) -> None:
    made = ask(ann)
    gone = ann.call("WithdrawApproval", withdrawn(made)).approval
    for etag in (made.etag, gone.etag):
        told = refused(bob, "ApprovePriceChange", decision("ApprovePriceChange", made, etag=etag))
        assert (told.code, told.reason) == (FAILED, "FAILED_PRECONDITION")


def test_a_price_that_moved_makes_the_others_stale(
    ann: Seller, bob: Seller, carl: Seller, acme: Organisation
) -> None:
    one, other = ask(ann, 900), ask(bob, 950)
    apply(acme, decide(bob, one).price_change.price_change_id)
    for method in DECISIONS:
        told = refused(carl, method, decision(method, other))
        assert (told.code, told.reason) == (FAILED, "STALE_APPROVAL")
    assert get(ann, other).state == STALE
    price = ann.call("GetTier", price_pb2.GetTierRequest(tier_id="pro")).tier.price
    assert price == euros(900)


@pytest.mark.parametrize("method", DECISIONS)
def test_what_the_decision_finds_stale_is_marked_so(
    ann: Seller, bob: Seller, carl: Seller, acme: Organisation, method: str
) -> None:
    """As if it had been asked while the price moved."""
    one, other = ask(ann, 900), ask(bob, 950)
    apply(acme, decide(bob, one).price_change.price_change_id)
    _reopen(acme, other)
    request = decision(method, get(ann, other), request_id=new_id())
    for _ in range(2):  # a refusal is no answer that is kept, and the mark stays
        told = refused(carl, method, request)
        assert (told.code, told.reason) == (FAILED, "STALE_APPROVAL")
    assert get(ann, other).state == STALE
    assert actions(acme, other) == ["approval.request", "approval.stale"]
    assert changes(acme, other) == 2
    assert entries(acme, other.approval_id)[1][1:3] == ("carl", "admin")


@pytest.mark.parametrize("method", DECISIONS)
def test_after_fourteen_days_nobody_decides(
    ann: Seller, bob: Seller, acme: Organisation, method: str
) -> None:
    made = ask(ann)
    age(acme.database, acme.org_id, hours=14 * 24, seconds=1)
    request = decision(method, made, request_id=new_id())
    for _ in range(2):
        told = refused(bob, method, request)
        assert (told.code, told.reason) == (FAILED, "EXPIRED")
    after = get(ann, made)
    assert (after.state, after.price_change_id) == (EXPIRED, "")
    assert actions(acme, made) == ["approval.request", "approval.expire"]
    assert changes(acme, made) == 2
    told = refused(bob, method, decision(method, after))
    assert (told.code, told.reason) == (FAILED, "EXPIRED")
    told = refused(ann, "ReviseApproval", revised(after))
    assert (told.code, told.reason) == (FAILED, "EXPIRED")


def test_within_fourteen_days_somebody_decides(
    ann: Seller, bob: Seller, acme: Organisation
) -> None:
    made = ask(ann)
    age(acme.database, acme.org_id, hours=14 * 24, seconds=-60)
    assert decide(bob, get(bob, made)).approval.state == APPROVED


def test_what_is_revised_too_late_is_marked_expired(ann: Seller, acme: Organisation) -> None:
    made = ask(ann)
    age(acme.database, acme.org_id, hours=14 * 24, seconds=1)
    told = refused(ann, "ReviseApproval", revised(made, request_id=new_id()))
    assert (told.code, told.reason) == (FAILED, "EXPIRED")
    assert get(ann, made).state == EXPIRED
    assert actions(acme, made) == ["approval.request", "approval.expire"]


def test_a_request_of_another_organisation_is_not_there(
    ann: Seller, pricing: Pricing, globex: Organisation
) -> None:
    made = ask(ann)
    stranger = pricing.seller(globex, "olga")
    for method in DECISIONS:
        foreign = refused(stranger, method, decision(method, made))
        absent = decision(method, made)
        absent.approval_id = new_id()
        told = refused(stranger, method, absent)
        assert foreign.code is grpc.StatusCode.NOT_FOUND
        assert (foreign.message, foreign.reason) == (told.message, told.reason)
    assert get(ann, made) == made


def _reopen(acme: Organisation, approval: pb.Approval) -> None:
    acme.database.execute(
        "UPDATE app.approvals SET state = 1 WHERE org_id = %s AND approval_id = %s",
        acme.org_id, UUID(approval.approval_id),
    )  # fmt: skip
