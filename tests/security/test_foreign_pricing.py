"""R37 and R39 at pricing: another's tier or approval is worth as much as one that nobody has.

The fields come from the descriptors: one that is added to the contract is probed without an edit,
or fails here until there is an id for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from footfall.audit.v1 import audit_pb2
from footfall.pricing.v1 import approval_service_pb2, price_pb2, pricing_service_pb2
from tests.approving import ask, decide, euros, make_tier
from tests.bargaining import Pricing, Seller
from tests.ingesting import Ingest, refusal
from tests.organisations import Organisation, add_organisation

METHODS: Mapping[str, MethodDescriptor] = {
    method.name: method
    for service in (
        pricing_service_pb2.DESCRIPTOR.services_by_name["PricingService"],
        approval_service_pb2.DESCRIPTOR.services_by_name["ApprovalService"],
        audit_pb2.DESCRIPTOR.services_by_name["AuditService"],
    )
    for method in service.methods
}
STREAMS = {name for name, method in METHODS.items() if method.server_streaming}
DECIDES = {"ApprovePriceChange", "RejectPriceChange", "RequestChanges", "CancelPriceChange"}
"""Not for programs, either."""

MUST_EXIST = {
    "approval_id": {
        "ReviseApproval", "GetApproval", "ApprovePriceChange", "RejectPriceChange",
        "RequestChanges", "WithdrawApproval",
    },
    "price_change_id": {"CancelPriceChange", "RollBackPriceChange", "RecordNoticeDelivered"},
    "suggestion_id": {"RequestApproval"},
    "tier_id": {
        "GetTier", "RecordCompetitorPrice", "UpsertSubscription", "PredictDemand", "SuggestPrice",
        "RequestApproval",
    },
}  # fmt: skip
"""Methods that answer NOT_FOUND to an id that is not the caller's organisation's."""

UUIDS = ("request_id", "approval_id", "price_change_id", "suggestion_id", "competitor_price_id",
         "pending_price_change_id", "target")  # fmt: skip
TEXTS = ("tier_id", "subscription_id", "client_id")
PASSING = re.compile(
    r'\b(etag|resume_token|\w+_hash|approval_id|\w*price_change_id|competitor_price_id): "[^"]*"\s*'
    r"|\b(as_of|\w+_at|valid_from|effective_time) \{[^}]*\}\s*|n[0-9a-f]{32}"
)
"""What differs from call to call, whoever calls."""


def is_id(field: FieldDescriptor) -> bool:
    return field.name.endswith(("_id", "_ids")) or field.name == "target"


def id_fields() -> Iterator[tuple[str, str]]:
    """Every id that a request may carry, of its own or of the message inside."""
    for method in METHODS.values():
        for field in method.input_type.fields:
            if is_id(field):
                yield method.name, field.name
            inner = field.message_type
            if inner is not None and inner.full_name.startswith("footfall."):
                yield from ((method.name, f"{field.name}.{one.name}") for one in inner.fields
                            if is_id(one))  # fmt: skip


FIELDS = sorted(id_fields())


@dataclass(frozen=True)
class Known:
    """Ids that exist, by the name of the field in which they are sent; and who made them."""

    ann: Seller
    bob: Seller
    ids: Mapping[str, str]
    etags: Mapping[str, str]

    def opened(self, method: str) -> str:
        """The etag that belongs to what the method names."""
        change = "price_change_id" in METHODS[method].input_type.fields_by_name
        return self.etags["price_change_id" if change else "approval_id"]


def nobodys() -> dict[str, str]:
    return {one: str(uuid4()) for one in UUIDS} | {one: f"n{uuid4().hex}" for one in TEXTS}


def populate(pricing: Pricing, organisation: Organisation) -> Known:
    """Two of each at least, so that every list has a second page."""
    ann, bob = (pricing.seller(organisation, one, role="admin") for one in ("ann", "bob"))
    request_id, suggestion = str(uuid4()), uuid4()
    for tier_id in ("pro", "plus"):
        make_tier(ann, tier_id)
    for name in ("s-0", "s-1"):
        one = price_pb2.Subscription(subscription_id=name, client_id="c-0", tier_id="pro")
        ann.call("UpsertSubscription", price_pb2.UpsertSubscriptionRequest(subscription=one))
    seen = request_with("RecordCompetitorPrice", "competitor_price.tier_id", "pro")
    competitor, _ = (ann.call("RecordCompetitorPrice", seen).competitor_price for _ in range(2))
    agreed, _ = (decide(bob, ask(ann, price)) for price in (1100, 1200))
    pending = ask(ann, 900, request_id=request_id)
    organisation.database.execute(
        "INSERT INTO app.price_suggestions (org_id, suggestion_id, tier_id, suggestion, made_at,"
        " made_by) VALUES (%s, %s, 'pro', '{}', now(), 'ann')",
        organisation.org_id, suggestion,
    )  # fmt: skip
    change = agreed.price_change
    ids = {
        "tier_id": "pro", "subscription_id": "s-0", "client_id": "c-0", "request_id": request_id,
        "approval_id": pending.approval_id, "price_change_id": change.price_change_id,
        "pending_price_change_id": change.price_change_id, "target": pending.approval_id,
        "competitor_price_id": competitor.competitor_price_id, "suggestion_id": str(suggestion),
    }  # fmt: skip
    return Known(ann, bob, ids, {"approval_id": pending.etag, "price_change_id": change.etag})


def neighbour(pricing: Pricing, organisation: Organisation, method: str) -> Known:
    """Somebody else, with something of their own of all that the method needs."""
    ann, bob = (pricing.seller(organisation, one, role="admin") for one in ("ann", "bob"))
    fields = METHODS[method].input_type.fields_by_name
    ids, etags = {"tier_id": "other", "client_id": "other", "subscription_id": "other"}, {}
    make_tier(ann, "other")
    if {"approval_id", "price_change_id"} & {*fields}:
        asked = ask(ann, 1100, "other")
        ids["approval_id"], etags["approval_id"] = asked.approval_id, asked.etag
        if "price_change_id" in fields:
            change = decide(bob, asked).price_change
            ids["price_change_id"], etags["price_change_id"] = change.price_change_id, change.etag
    return Known(ann, bob, ids, etags)


def request_with(method: str, path: str, value: str, own: Known | None = None) -> Any:
    """A request of somebody's that is good but for the one id in it."""
    request: Any = GetMessageClass(METHODS[method].input_type)()
    ids = own.ids if own else {}
    fields = request.DESCRIPTOR.fields_by_name
    for name in ("tier_id", "approval_id", "price_change_id", "client_id"):
        if name in fields and name in ids:
            setattr(request, name, ids[name])
    for name, price in (("proposed_price", 800), ("price", 1000)):
        if name in fields:
            getattr(request, name).CopyFrom(euros(price))
    for name in ("reason", "notes"):
        if name in fields:
            setattr(request, name, "why")
    if "etag" in fields and own:
        request.etag = own.opened(method)
    _fill(method, request, ids)
    holder: Any = getattr(request, path.partition(".")[0]) if "." in path else request
    setattr(holder, path.rpartition(".")[2], value)
    return request


def _fill(method: str, request: Any, ids: Mapping[str, str]) -> None:
    """The message inside, of those that have one."""
    if method == "UpsertTier":
        request.tier.tier_id = ids.get("tier_id", "")
        request.tier.price.CopyFrom(euros(1000))
        request.tier.billing_period = price_pb2.BILLING_PERIOD_MONTH
    elif method == "UpsertSubscription":
        for name in TEXTS:
            setattr(request.subscription, name, ids.get(name, ""))
    elif method == "RecordCompetitorPrice":
        seen = price_pb2.CompetitorPrice(
            competitor="them", tier_id=ids.get("tier_id", ""), price=euros(1000), source="web"
        )
        request.competitor_price.CopyFrom(seen)
    elif method == "UpdatePricingSettings":
        request.settings.min_confidence = 0.9


def answer(caller: Seller, method: str, request: Message, value: str = "") -> tuple[str, ...]:
    """What the caller is told, without what it said itself and what passes."""
    try:
        told = caller.call(method, request)
        told = next(told) if method in STREAMS else told
    except grpc.RpcError as error:
        found = refusal(error)
        metadata = repr(sorted(found.metadata.items()))
        texts: tuple[str, ...] = (found.code.name, found.reason, found.message, metadata)
    else:
        texts = ("OK", str(told))
    return tuple(PASSING.sub("", one.replace(value, "") if value else one) for one in texts)


@pytest.fixture
def known(pricing: Pricing, acme: Organisation) -> Known:
    """An organisation that has something of everything which has an id."""
    return populate(pricing, acme)


def test_every_id_of_the_contract_is_probed(known: Known) -> None:
    assert {path.rpartition(".")[2] for _, path in FIELDS} == set(known.ids)
    for name, methods in MUST_EXIST.items():
        assert methods <= {method for method, path in FIELDS if path.endswith(name)}
    assert len(FIELDS) >= 40


@pytest.mark.parametrize("part", range(4))
def test_another_organisations_id_is_answered_as_one_that_nobody_has(
    ingest: Ingest, pricing: Pricing, known: Known, part: int
) -> None:
    """R37: and what is taken next door is free here."""
    before = standing(known)
    for method, path in FIELDS[part::4]:
        field, answers = path.rpartition(".")[2], []
        for ids in (known.ids, nobodys()):
            stranger = neighbour(pricing, add_organisation(ingest.database), method)
            value = ids[field]
            request = request_with(method, path, value, stranger)
            answers.append(answer(stranger.bob, method, request, value))
        assert answers[0] == answers[1], f"{method}, {path}"
        if method in MUST_EXIST.get(field, ()):
            assert answers[0][0] == "NOT_FOUND", f"{method}, {path}: {answers[0]}"
    assert standing(known) == before


def standing(known: Known) -> list[str]:
    """All that its owners are shown."""
    lists = ("ListTiers", "ListSubscriptions", "ListCompetitorPrices", "ListApprovals",
             "ListPriceChanges", "ListAuditEntries", "GetPricingSettings")  # fmt: skip
    return [str(known.ann.call(one, GetMessageClass(METHODS[one].input_type)())) for one in lists]


def test_lists_and_logs_hold_nothing_of_others(
    pricing: Pricing, globex: Organisation, known: Known
) -> None:
    """And who makes a tier of the same id next door has one of its own."""
    stranger = pricing.seller(globex, "eve", role="owner")
    for method in sorted(METHODS.keys() - STREAMS):
        if method.startswith(("List", "EstimateElasticity", "VerifyAuditLog")):
            told = str(stranger.call(method, GetMessageClass(METHODS[method].input_type)()))
            assert [one for one in known.ids.values() if one in told] == [], method
    make_tier(stranger, known.ids["tier_id"], 7700)
    get = price_pb2.GetTierRequest(tier_id=known.ids["tier_id"])
    assert known.ann.call("GetTier", get).tier.price == euros(1000)
    assert stranger.call("GetTier", get).tier.price == euros(7700)


def test_a_token_opens_nothing_but_the_next_page_of_who_got_it(
    pricing: Pricing, globex: Organisation, known: Known
) -> None:
    """R39: every token at every method that takes one, by the neighbour and by its owner."""
    pages = [name for name, method in METHODS.items()
             if "page_token" in method.input_type.fields_by_name]  # fmt: skip
    tokens = {
        name: known.ann.call(
            name, GetMessageClass(METHODS[name].input_type)(page_size=1)
        ).next_page_token
        for name in pages
    }
    watch = GetMessageClass(METHODS["WatchApprovals"].input_type)()
    tokens["WatchApprovals"] = next(known.ann.call("WatchApprovals", watch)).resume_token
    assert len(tokens) >= 7
    assert all(tokens.values()), tokens
    stranger = pricing.seller(globex, "eve", role="owner")
    for of, token in tokens.items():
        for method in tokens:
            field = "resume_token" if method in STREAMS else "page_token"
            for caller in (stranger, known.ann):
                request = GetMessageClass(METHODS[method].input_type)(**{field: token})
                if (caller, method) == (known.ann, of):
                    if method not in STREAMS:  # which says nothing until something changes
                        assert answer(caller, method, request)[0] == "OK", method
                else:
                    told = answer(caller, method, request)
                    assert told[:2] == ("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN"), (of, method)


@pytest.mark.parametrize(("subject", "role"), [("mia", "member"), ("robot", "service")])
def test_who_may_not_is_told_so_before_anything_is_looked_up(
    pricing: Pricing, acme: Organisation, known: Known, subject: str, role: str
) -> None:
    """Members nothing, programs no verdict, by whatever id and with a key of whatever role."""
    callers = [pricing.seller(acme, subject, role=one) for one in (role, "admin", "owner")]
    refused = METHODS if role == "member" else {*DECIDES, "UpdatePricingSettings"}
    for method in sorted(refused):
        answers = set()
        for ids in (known.ids, nobodys()):
            fields = [path for name, path in FIELDS if name == method]
            path = next((one for one in fields if not one.endswith("request_id")), "")
            if path:
                request = request_with(method, path, ids[path.rpartition(".")[2]], known)
            else:
                request = GetMessageClass(METHODS[method].input_type)()
            answers |= {answer(caller, method, request) for caller in callers}
        assert len(answers) == 1, method
        assert answers.pop()[:2] == ("PERMISSION_DENIED", "ROLE_NOT_PERMITTED"), method
