"""What others ask between the wire and values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from footfall.pricing.v1 import price_pb2 as pb
from services.pricing.amounts import from_money, to_money
from services.pricing.competitors.rules import CompetitorPrice, Cursor, Page, Which
from services.pricing.tiers.wire import from_moment, to_timestamp
from shared import ids
from shared.errors import InvalidField

_MESSAGE_BYTES = 3 * 1024 * 1024  # clients take 4 MiB unless they say otherwise


def from_competitor_price(
    sent: pb.CompetitorPrice, recorded_by: str, now: datetime
) -> CompetitorPrice:
    """The finding as it is to be kept, seen now unless it says when. Raises InvalidField."""
    amount = from_money(sent.price, "competitor_price.price")
    if not sent.source.strip():
        raise InvalidField.of("competitor_price.source", "must say where: spaces alone do not")
    observed_at = now
    if sent.HasField("observed_at"):
        observed_at = from_moment(sent.observed_at, "competitor_price.observed_at", now)
    return CompetitorPrice(
        competitor_price_id=UUID(bytes=ids.uuid7(int(now.timestamp() * 1000))),
        tier_id=sent.tier_id,
        competitor=sent.competitor,
        offer=sent.offer,
        amount_minor=amount.minor,
        currency=amount.currency,
        observed_at=observed_at,
        source=sent.source,
        recorded_by=recorded_by,
        recorded_at=now,
    )


def from_list_competitor_prices(request: pb.ListCompetitorPricesRequest) -> Which:
    """Which findings are asked for."""
    return Which(request.tier_id, request.newest_only)


def from_cursor(position: Sequence[str] | None) -> Cursor | None:
    """The place inside a page token."""
    return (datetime.fromisoformat(position[0]), UUID(position[1])) if position else None


def to_competitor_price(price: CompetitorPrice) -> pb.CompetitorPrice:
    """A finding as it is shown."""
    return pb.CompetitorPrice(
        competitor_price_id=str(price.competitor_price_id),
        competitor=price.competitor,
        offer=price.offer,
        tier_id=price.tier_id,
        price=to_money(price.amount_minor, price.currency),
        observed_at=to_timestamp(price.observed_at),
        source=price.source,
        recorded_by=price.recorded_by,
    )


def to_list_competitor_prices(
    page: Page,
) -> tuple[pb.ListCompetitorPricesResponse, tuple[str, str] | None]:
    """A page of findings, and where the next one goes on, if there is one."""
    shown: list[pb.CompetitorPrice] = []
    room = _MESSAGE_BYTES
    for price in page.prices:
        one = to_competitor_price(price)
        room -= one.ByteSize()
        if shown and room < 0:
            break
        shown.append(one)
    response = pb.ListCompetitorPricesResponse(competitor_prices=shown)
    if len(shown) == len(page.prices) and not page.more:
        return response, None
    last = page.prices[len(shown) - 1]
    return response, (last.observed_at.isoformat(), str(last.competitor_price_id))
