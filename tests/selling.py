"""Tiers, subscriptions and prices for tests: through the contract, and agreed changes by SQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import grpc
import psycopg
import pytest
from google.type.money_pb2 import Money

from footfall.pricing.v1 import price_pb2 as pb
from tests.bargaining import Seller, add_member
from tests.ingesting import Refused, refusal
from tests.organisations import Organisation

LOGIN = "footfall_pricing"
MONTH, YEAR = pb.BILLING_PERIOD_MONTH, pb.BILLING_PERIOD_YEAR


def money(units: int, nanos: int = 0, currency: str = "EUR") -> Money:
    """An amount."""
    return Money(currency_code=currency, units=units, nanos=nanos)


def tier(tier_id: str = "pro", **fields: Any) -> pb.Tier:
    """A tier for ten euros a month, unless the fields say otherwise."""
    return pb.Tier(**{"tier_id": tier_id, "price": money(10), "billing_period": MONTH, **fields})


def upsert(seller: Seller, wanted: pb.Tier, request_id: str = "") -> pb.UpsertTierResponse:
    """The answer to a tier that is made or replaced."""
    request = pb.UpsertTierRequest(request_id=request_id, tier=wanted)
    answer: pb.UpsertTierResponse = seller.call("UpsertTier", request)
    return answer


def get(seller: Seller, tier_id: str = "pro") -> pb.GetTierResponse:
    """A tier and its prices."""
    answer: pb.GetTierResponse = seller.call("GetTier", pb.GetTierRequest(tier_id=tier_id))
    return answer


def subscribe(
    seller: Seller, subscription_id: str = "s1", request_id: str = "", **fields: Any
) -> pb.UpsertSubscriptionResponse:
    """The answer to a subscription that is made or replaced: of `nils` on `pro`, unless said."""
    wanted = {"client_id": "nils", "tier_id": "pro", **fields}
    request = pb.UpsertSubscriptionRequest(
        request_id=request_id,
        subscription=pb.Subscription(subscription_id=subscription_id, **wanted),
    )
    answer: pb.UpsertSubscriptionResponse = seller.call("UpsertSubscription", request)
    return answer


def subscriptions(seller: Seller, size: int = 0, **where: Any) -> list[pb.Subscription]:
    """All subscriptions of a list, page by page."""
    return pages(seller, "ListSubscriptions", pb.ListSubscriptionsRequest(**where), size)


def pages(seller: Seller, method: str, request: Any, size: int = 0) -> list[Any]:
    """All of a list, page by page; none but the last lacks a token, none is empty but a first."""
    found: list[Any] = []
    request.page_size = size
    while True:
        page = seller.call(method, request)
        [rows] = [value for field, value in page.ListFields() if field.is_repeated] or [[]]
        assert len(rows) <= (size or 50)
        assert rows or not request.page_token
        found += rows
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


def refused(act: Any, *arguments: Any, **fields: Any) -> Refused:
    """How the call fails, as it must."""
    with pytest.raises(grpc.RpcError) as failure:
        act(*arguments, **fields)
    return refusal(failure.value)


class Till:
    """Changes of prices, agreed to by two people, by the functions that alone make them."""

    def __init__(self, acme: Organisation, connection: psycopg.Connection[Any]) -> None:
        self._acme, self._connection = acme, connection
        for subject in ("ann", "bob"):
            add_member(acme, subject, "admin")

    @classmethod
    @contextmanager
    def open(cls, acme: Organisation) -> Iterator[Till]:
        """The till of an organisation."""
        with acme.database.connect(LOGIN) as connection:
            yield cls(acme, connection)

    def ask(self, subject: str, statement: str, *parameters: object) -> Any:
        """One statement of the service's login for this administrator."""
        with self._connection.transaction():
            identity = (self._acme.org_id, "admin", subject)
            self._connection.execute("SELECT app.set_identity(%s, %s, %s)", identity)
            row = self._connection.execute(statement.encode(), parameters).fetchone()
            return None if row is None else row[0]

    def agree(self, proposed: int, tier_id: str = "pro", currency: str = "EUR") -> UUID:
        """The change that is agreed to; its id."""
        org_id, approval = self._acme.org_id, uuid4()
        asked = self.ask(
            "ann",
            "SELECT app.price_request(%s, %s, NULL, %s, %s, %s, NULL, 'why', '{}', '[]', 'ann',"
            " NULL, NULL)", org_id, approval, tier_id, proposed, currency,
        )  # fmt: skip
        assert asked == "OK"
        content = self.ask(
            "bob", "SELECT content_hash FROM app.approval_revisions WHERE approval_id = %s",
            approval,
        )  # fmt: skip
        agreed = self.ask(
            "bob", "SELECT app.price_decide(%s, %s, 1, %s, 1::smallint, 'yes', %s)",
            org_id, approval, content, approval,
        )  # fmt: skip
        assert agreed == "OK"
        return approval

    def apply(self, change: UUID) -> None:
        """Its time has come."""
        applied = self.ask("bob", "SELECT app.price_apply(%s, %s)", self._acme.org_id, change)
        assert applied == "OK"

    def notify(self, change: UUID, client_id: str = "nils") -> None:
        """The client was told of it now."""
        told = self.ask(
            "bob", "SELECT app.price_notice(%s, %s, %s, clock_timestamp(), 'mail', 'bob')",
            self._acme.org_id, change, client_id,
        )  # fmt: skip
        assert told == "OK"

    def reach(self, tier_id: str = "pro") -> None:
        """Whoever is to pay the price in force by now pays it."""
        self.ask(
            "bob", "SELECT count(*) FROM app.price_reach(%s, %s, ARRAY("
            "SELECT subscription_id FROM app.subscriptions))", self._acme.org_id, tier_id,
        )  # fmt: skip
        self.ask(
            "bob", "SELECT app.price_reached(org_id, tier_id, version, reach_calls, now())"
            " FROM app.price_versions WHERE tier_id = %s AND valid_to IS NULL", tier_id,
        )  # fmt: skip


def audited(acme: Organisation) -> list[tuple[str, str, dict[str, Any]]]:
    """Action, target and details of all that the organisation's log holds, in its order."""
    rows = acme.database.execute(
        "SELECT action, target, details FROM app.audit_entries WHERE org_id = %s ORDER BY sequence",
        acme.org_id,
    )
    return [(action, target, details) for action, target, details in rows]
