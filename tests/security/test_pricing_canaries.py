"""R40 at pricing: what is sold and who decides is in no answer, number or log line of anybody else.

Amounts are canaries too: digits that occur nowhere else.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.type.money_pb2 import Money

from footfall.audit.v1 import audit_pb2
from footfall.pricing.v1 import approval_pb2, decision_pb2, evidence_pb2, price_pb2
from tests.approving import DECISIONS
from tests.bargaining import Pricing, Seller
from tests.organisations import Organisation
from tests.security.test_canaries import Canaries


class Amounts(Canaries):
    """Words, and amounts of which no part is small."""

    def money(self, currency: str = "EUR") -> Money:
        units = random.randrange(10**8, 10**9)
        self.all.append(str(units))
        return Money(currency_code=currency, units=units)


def tiers(word: Amounts) -> Iterator[price_pb2.Tier]:
    """Kept, and refused in every way that could quote them."""

    def tier(**fields: Any) -> price_pb2.Tier:
        given = {"tier_id": word(), "price": word.money(),
                 "billing_period": price_pb2.BILLING_PERIOD_MONTH, **fields}  # fmt: skip
        return price_pb2.Tier(**given)

    yield tier(
        display_name=word(), description=word(), cost_to_serve=word.money(),
        floor_price=word.money(), value_metrics=[price_pb2.ValueMetric(
            name=word(), low_value=word.money(), high_value=word.money(), usual_units=2)],
    )  # fmt: skip
    yield tier(price=word.money(word()))
    yield tier(price=Money(currency_code="EUR", units=word.money().units, nanos=1))
    yield tier(price=Money(currency_code="EUR", units=-word.money().units))
    yield tier(price=Money(currency_code="EUR", units=word.money().units * 10**9))
    yield tier(floor_price=word.money("JPY"))
    yield tier(tier_id=word() * 9)
    yield tier(display_name=f"{word()}\0")
    yield tier(etag=word())


def told_of_prices(word: Amounts, tier_id: str) -> Iterator[tuple[str, Any]]:
    """Calls that quote something of the caller's, right and wrong."""
    for tier in tiers(word):
        yield "UpsertTier", price_pb2.UpsertTierRequest(tier=tier)
    for other in (tier_id, word()):
        one = price_pb2.Subscription(subscription_id=word(), client_id=word(), tier_id=other)
        yield "UpsertSubscription", price_pb2.UpsertSubscriptionRequest(subscription=one)
        seen = price_pb2.CompetitorPrice(
            competitor=word(), offer=word(), tier_id=other, price=word.money(), source=word()
        )
        for currency in ("EUR", word()):
            seen.price.currency_code = currency
            record = price_pb2.RecordCompetitorPriceRequest(competitor_price=seen)
            yield "RecordCompetitorPrice", record
        yield "GetTier", price_pb2.GetTierRequest(tier_id=other)
        yield "EstimateElasticity", evidence_pb2.EstimateElasticityRequest(tier_id=other)
        yield "SuggestPrice", evidence_pb2.SuggestPriceRequest(tier_id=other)
        predict = evidence_pb2.PredictDemandRequest(tier_id=other, price=word.money())
        yield "PredictDemand", predict
    yield "ListTiers", price_pb2.ListTiersRequest(page_token=word())
    yield "ListSubscriptions", price_pb2.ListSubscriptionsRequest(client_id=word())
    change = evidence_pb2.UpdatePricingSettingsRequest()
    change.settings.etag = word()
    change.settings.rounding.CopyFrom(word.money(word()))
    yield "UpdatePricingSettings", change


def told_of_approvals(word: Amounts, tier_id: str, approval_id: str) -> Iterator[tuple[str, Any]]:
    """Likewise."""
    wrong: tuple[dict[str, str], ...] = (
        {},
        {"suggestion_id": word()},
        {"tier_id": word()},
        {"reason": f"{word()}\0"},
    )
    for fields in wrong:
        given: dict[str, Any] = {"tier_id": tier_id, "reason": word(), **fields}
        price = word.money()
        yield "RequestApproval", approval_pb2.RequestApprovalRequest(proposed_price=price, **given)
    for one in (approval_id, word()):
        yield (
            "ReviseApproval",
            approval_pb2.ReviseApprovalRequest(
                approval_id=one, etag=word(), proposed_price=word.money(), reason=word()
            ),
        )
        for method, decision in DECISIONS.items():
            yield method, decision(approval_id=one, etag=word(), notes=word())
        yield "GetApproval", approval_pb2.GetApprovalRequest(approval_id=one)
        notice = decision_pb2.RecordNoticeDeliveredRequest(
            price_change_id=one, client_id=word(), channel=word()
        )
        yield "RecordNoticeDelivered", notice
        back = decision_pb2.RollBackPriceChangeRequest(price_change_id=one, reason=word())
        yield "RollBackPriceChange", back
    yield "ListApprovals", approval_pb2.ListApprovalsRequest(tier_id=word(), page_token=word())
    yield "ListAuditEntries", audit_pb2.ListAuditEntriesRequest(actor=word(), target=word())
    yield "ListAuditEntries", audit_pb2.ListAuditEntriesRequest(action_prefix=word())


def whatever_is_there() -> Iterator[tuple[str, Any]]:
    yield "ListTiers", price_pb2.ListTiersRequest(with_retired=True)
    yield "ListSubscriptions", price_pb2.ListSubscriptionsRequest(with_ended=True)
    yield "ListCompetitorPrices", price_pb2.ListCompetitorPricesRequest()
    yield "EstimateElasticity", evidence_pb2.EstimateElasticityRequest()
    yield "GetPricingSettings", evidence_pb2.GetPricingSettingsRequest()
    yield "ListApprovals", approval_pb2.ListApprovalsRequest()
    yield "ListPriceChanges", decision_pb2.ListPriceChangesRequest()
    yield "ListAuditEntries", audit_pb2.ListAuditEntriesRequest()
    yield "VerifyAuditLog", audit_pb2.VerifyAuditLogRequest()


def say_all(word: Amounts, ann: Seller, *others: Seller) -> Iterator[str]:
    """Everything that can be said, by everybody; and all that comes back."""
    tier_id, approval_id = word(), ""
    tier = price_pb2.Tier(
        tier_id=tier_id, price=word.money(), billing_period=price_pb2.BILLING_PERIOD_MONTH
    )
    yield heard(ann, "UpsertTier", price_pb2.UpsertTierRequest(tier=tier))
    ask = approval_pb2.RequestApprovalRequest(
        tier_id=tier_id, proposed_price=word.money(), reason=word()
    )
    approval = ann.call("RequestApproval", ask).approval
    approval_id = approval.approval_id
    word.all.append(approval.content_hash)
    for caller in (ann, *others):
        word.all.append(caller.bearer)
        for method, request in told_of_prices(word, tier_id):
            yield heard(caller, method, request)
        for method, request in told_of_approvals(word, tier_id, approval_id):
            yield heard(caller, method, request)
    agree = decision_pb2.ApprovePriceChangeRequest(
        approval_id=approval_id, etag=approval.etag, notes=word()
    )
    yield str(others[0].call("ApprovePriceChange", agree))


def heard(caller: Seller, method: str, request: Any) -> str:
    """All that comes back: the message, or the error with its trailers."""
    try:
        return str(caller.call(method, request))
    except grpc.RpcError as error:
        failed: Any = error
        return f"{failed.code()} {failed.details()} {failed.trailing_metadata()}"


def everybody(pricing: Pricing, organisation: Organisation, word: Amounts) -> list[Seller]:
    """Two who may decide, a program and a member, by names that occur nowhere else."""
    roles = ("admin", "admin", "service", "member")
    return [pricing.seller(organisation, word(), role=role) for role in roles]


@pytest.fixture
def word(pricing: Pricing, acme: Organisation) -> Amounts:
    """All that Acme can say of its prices, said, by every role."""
    word = Amounts()
    for _ in say_all(word, *everybody(pricing, acme, word)):
        pass
    return word


def test_no_answer_number_or_log_line_holds_what_a_neighbour_said_of_prices(
    pricing: Pricing, globex: Organisation, word: Amounts
) -> None:
    assert len(word.all) > 200
    own = Amounts()
    ann, *others = everybody(pricing, globex, own)
    for told in say_all(own, ann, *others):
        assert word.found_in(told) == []
    for caller in (ann, *others):
        for method, request in whatever_is_there():
            assert word.found_in(heard(caller, method, request)) == [], method
    assert word.found_in(repr(pricing.numbers())) == own.found_in(repr(pricing.numbers())) == []
    log = pricing.log.read_text()
    assert word.found_in(log) == own.found_in(log) == []
    assert str(globex.org_id) in log
    assert "INTERNAL" not in log
