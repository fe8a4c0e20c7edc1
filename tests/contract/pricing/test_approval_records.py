"""What every transition leaves behind: one entry of the audit log, or nothing happens at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import grpc
import orjson
import pytest
from google.protobuf.json_format import ParseDict
from google.type.money_pb2 import Money

from footfall.pricing.v1 import approval_pb2 as pb
from services.insight.webhooks.rules.endpoints import APPROVALS, TOPICS
from services.pricing.approvals.rules.records import TOPIC
from tests.approving import (
    DECISIONS,
    actions,
    ask,
    asked,
    changes,
    decide,
    decision,
    euros,
    make_tier,
    new_id,
    refused,
    revise,
    revised,
    withdrawn,
)
from tests.bargaining import Pricing, Seller, running_pricing
from tests.delivering import delivering, listen, messages, until
from tests.organisations import Organisation, add_organisation
from tests.postgres import MigratedDatabase
from tests.receiving import running_receiver, verified

TRANSITIONS: dict[str, Callable[[pb.Approval], tuple[str, Any]]] = {
    "RequestApproval": lambda _: ("ann", asked(800, request_id=new_id())),
    "ReviseApproval": lambda made: ("ann", revised(made, 700, request_id=new_id())),
    "WithdrawApproval": lambda made: ("ann", withdrawn(made, request_id=new_id())),
}
for _method in DECISIONS:
    TRANSITIONS[_method] = lambda made, method=_method: (  # type: ignore[misc]
        "bob",
        decision(method, made, request_id=new_id()),
    )

_TABLES = (
    "approvals", "approval_revisions", "approval_verdicts", "approval_changes", "price_changes",
    "audit_entries", "audit_heads", "outbox", "request_answers",
)  # fmt: skip


class Mute:
    """A service on a database of its own, whose audit log can be closed."""

    def __init__(self, pricing: Pricing, acme: Organisation) -> None:
        self.acme = acme
        self.callers = {one: pricing.seller(acme, one, role="admin") for one in ("ann", "bob")}

    def administer(self, statement: str) -> None:
        with self.acme.database.connect() as connection:
            connection.execute(statement.encode())

    def rows(self) -> dict[str, list[Any]]:
        """All that there is, by table."""
        execute, org_id = self.acme.database.execute, self.acme.org_id
        select = "SELECT to_jsonb(t)::text FROM app.{} AS t WHERE org_id = %s ORDER BY 1"
        return {one: execute(select.format(one), org_id) for one in _TABLES}


@pytest.fixture(scope="module")
def own(template: Any) -> Iterator[MigratedDatabase]:
    with template.clone() as database:
        yield database


@pytest.fixture(scope="module")
def muted(own: MigratedDatabase) -> Iterator[Pricing]:
    with running_pricing(own) as running:
        yield running


@pytest.mark.parametrize("right", ["INSERT ON app.audit_entries", "UPDATE ON app.audit_heads"])
@pytest.mark.parametrize("method", TRANSITIONS)
def test_without_its_entry_nothing_happens(
    muted: Pricing, own: MigratedDatabase, method: str, right: str
) -> None:
    mute = Mute(muted, add_organisation(own, "Acme"))
    make_tier(mute.callers["ann"])
    made = ask(mute.callers["ann"])
    who, request = TRANSITIONS[method](made)
    before = mute.rows()
    mute.administer(f"REVOKE {right} FROM footfall_pricing")
    try:
        told = refused(mute.callers[who], method, request)
    finally:
        mute.administer(f"GRANT {right} TO footfall_pricing")
    assert told.code is grpc.StatusCode.INTERNAL
    assert mute.rows() == before
    mute.callers[who].call(method, request)
    after = mute.rows()
    assert len(after["audit_entries"]) == len(before["audit_entries"]) + 1
    assert len(after["approval_changes"]) == len(before["approval_changes"]) + 1


def test_a_refusal_leaves_no_entry(ann: Seller, bob: Seller, acme: Organisation) -> None:
    make_tier(ann)
    made = ask(ann)
    for one, method, request in (
        (ann, "ApprovePriceChange", decision("ApprovePriceChange", made)),
        (bob, "RejectPriceChange", decision("RejectPriceChange", made, etag="old")),
        (bob, "WithdrawApproval", withdrawn(made)),
        (ann, "ReviseApproval", revised(made, 1000)),
    ):
        refused(one, method, request)
    assert actions(acme, made) == ["approval.request"]
    assert changes(acme, made) == 1


def test_the_topic_is_one_that_a_webhook_can_be_set_for() -> None:
    assert TOPIC == APPROVALS
    assert TOPIC in TOPICS


async def test_whoever_listens_is_told_of_what_waits_for_a_decision(
    ann: Seller, bob: Seller, acme: Organisation
) -> None:
    make_tier(ann)
    ask(ann, 990)
    assert not messages(acme)  # nobody listens
    with running_receiver() as receiver:
        secret = await listen(acme, receiver.url(), TOPIC)
        request = asked(900, request_id=new_id())
        made = ann.call("RequestApproval", request).approval
        ann.call("RequestApproval", request)
        after = revise(ann, decide(bob, made, "RequestChanges").approval, 950)
        decide(bob, after)
        assert [row[0] for row in messages(acme, "topic")] == [TOPIC, TOPIC]
        async with delivering(acme):
            await until(lambda: len(receiver.received) == 2)
    bodies = [orjson.loads(verified(secret, one.headers, one.body)) for one in receiver.received]
    assert {body["type"] for body in bodies} == {TOPIC}
    first, second = sorted((body["data"] for body in bodies), key=lambda one: one["revision"])
    for data, told in ((first, made), (second, after)):
        assert (data["approval_id"], data["revision"], data["content_hash"]) == (
            told.approval_id, told.revision, told.content_hash,
        )  # fmt: skip
        assert ParseDict(data["proposed_price"], Money()) == told.proposed_price
        assert ParseDict(data["current_price"], Money()) == euros(1000)
        assert (data["tier_id"], data["requested_by"]) == ("pro", "ann")
        assert data["state"] == "APPROVAL_STATE_PENDING_REVIEW"
        expires = datetime.fromisoformat(data["expires_at"])
        assert expires == told.expires_at.ToDatetime(UTC)
