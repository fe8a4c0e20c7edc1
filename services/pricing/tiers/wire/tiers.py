"""Tiers between the wire and values."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from google.type.money_pb2 import Money

from footfall.pricing.v1 import price_pb2 as pb
from services.pricing.amounts import Amount, from_money, to_money
from services.pricing.tiers.rules import (
    PriceVersion,
    Profile,
    Tier,
    TierPage,
    ValueMetric,
    WantedTier,
)
from services.pricing.tiers.wire.moments import to_timestamp
from shared.errors import InvalidField

_MESSAGE_BYTES = 3 * 1024 * 1024  # clients take 4 MiB unless they say otherwise


def from_tier(sent: pb.Tier) -> WantedTier:
    """The tier as it is to be; what the server sets comes back and says nothing.

    Raises InvalidField, also when its amounts are not all of one currency.
    """
    amounts = _Amounts()
    price = amounts.optional(sent, "price")
    profile = Profile(
        display_name=sent.display_name,
        description=sent.description,
        value_metrics=tuple(
            _from_metric(one, f"tier.value_metrics[{place}]", amounts)
            for place, one in enumerate(sent.value_metrics)
        ),
        cost_to_serve_minor=amounts.optional(sent, "cost_to_serve"),
        floor_minor=amounts.optional(sent, "floor_price"),
        retired=sent.retired,
    )
    names = [one.name for one in profile.value_metrics]
    if len(set(names)) < len(names):
        raise InvalidField.of("tier.value_metrics", "must each have a name of its own")
    return WantedTier(
        sent.tier_id, profile, price, amounts.currency, sent.billing_period, sent.etag
    )


def from_cursor(position: Sequence[str] | None) -> str:
    """The id after which a list goes on; empty at its beginning."""
    return position[0] if position else ""


def to_tier(tier: Tier, org_id: UUID) -> pb.Tier:
    """A tier as it is shown."""
    said, currency = tier.profile, tier.currency
    return pb.Tier(
        tier_id=tier.tier_id,
        display_name=said.display_name,
        description=said.description,
        price=to_money(tier.amount_minor, currency),
        billing_period=pb.BillingPeriod.ValueType(tier.billing_period),
        value_metrics=[_to_metric(one, currency) for one in said.value_metrics],
        cost_to_serve=_to_money(said.cost_to_serve_minor, currency),
        floor_price=_to_money(said.floor_minor, currency),
        retired=said.retired,
        etag=tier.etag(org_id),
        price_version=tier.version,
        created_at=to_timestamp(tier.created_at),
        updated_at=to_timestamp(tier.changed_at),
    )


def to_get_tier(tier: Tier, prices: Sequence[PriceVersion], org_id: UUID) -> pb.GetTierResponse:
    """A tier and its prices."""
    return pb.GetTierResponse(
        tier=to_tier(tier, org_id), prices=[_to_price_version(tier, one) for one in prices]
    )


def to_list_tiers(page: TierPage, org_id: UUID) -> tuple[pb.ListTiersResponse, list[str] | None]:
    """A page of tiers, and where the next one goes on, if there is one."""
    shown: list[pb.Tier] = []
    room = _MESSAGE_BYTES
    for tier in page.tiers:
        one = to_tier(tier, org_id)
        room -= one.ByteSize()
        if shown and room < 0:
            break
        shown.append(one)
    response = pb.ListTiersResponse(tiers=shown)
    if len(shown) == len(page.tiers) and not page.more:
        return response, None
    return response, [shown[-1].tier_id]


class _Amounts:
    """The amounts of one tier: all of the currency of the first."""

    def __init__(self) -> None:
        self.currency: str | None = None

    def required(self, sent: Money, field: str) -> int:
        amount: Amount = from_money(sent, field, self.currency)
        self.currency = amount.currency
        return amount.minor

    def optional(self, sent: pb.Tier, name: str) -> int | None:
        if not sent.HasField(name):  # type: ignore[arg-type] # a name of ours
            return None
        return self.required(getattr(sent, name), f"tier.{name}")


def _from_metric(sent: pb.ValueMetric, field: str, amounts: _Amounts) -> ValueMetric:
    low = amounts.required(sent.low_value, f"{field}.low_value")
    high = amounts.required(sent.high_value, f"{field}.high_value")
    if high < low:
        raise InvalidField.of(f"{field}.high_value", "must not be less than low_value")
    return ValueMetric(sent.name, low, high, sent.usual_units + 0.0)  # -0.0 is 0


def _to_metric(metric: ValueMetric, currency: str) -> pb.ValueMetric:
    return pb.ValueMetric(
        name=metric.name,
        low_value=to_money(metric.low_minor, currency),
        high_value=to_money(metric.high_minor, currency),
        usual_units=metric.usual_units,
    )


def _to_price_version(tier: Tier, price: PriceVersion) -> pb.PriceVersion:
    return pb.PriceVersion(
        tier_id=tier.tier_id,
        version=price.version,
        price=to_money(price.amount_minor, tier.currency),
        valid_from=to_timestamp(price.valid_from),
        valid_to=to_timestamp(price.valid_to),
        price_change_id=str(price.price_change_id or ""),
    )


def _to_money(minor: int | None, currency: str) -> Money | None:
    return None if minor is None else to_money(minor, currency)
