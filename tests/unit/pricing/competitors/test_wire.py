"""Findings between the wire and values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from footfall.pricing.v1 import price_pb2 as pb
from services.pricing.amounts import to_money
from services.pricing.competitors import wire
from services.pricing.competitors.rules import CompetitorPrice, Page
from services.pricing.tiers.wire import from_moment, to_timestamp
from shared.errors import InvalidField
from shared.money import EXPONENTS, MAX_MINOR

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
moments = st.timedeltas(timedelta(), NOW - OLDEST).map(lambda since: OLDEST + since)


@given(
    moment=moments,
    currency=st.sampled_from(sorted(EXPONENTS)),
    minor=st.integers(0, MAX_MINOR),
    offer=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
def test_there_and_back(moment: datetime, currency: str, minor: int, offer: str) -> None:
    sent = pb.CompetitorPrice(
        competitor="globo", offer=offer, tier_id="pro", price=to_money(minor, currency),
        observed_at=to_timestamp(moment), source="web",
    )  # fmt: skip
    shown = wire.to_competitor_price(wire.from_competitor_price(sent, "ann", NOW))
    assert shown.recorded_by == "ann"
    shown.ClearField("recorded_by")
    shown.ClearField("competitor_price_id")
    assert shown == sent


@given(moment=moments)
def test_a_moment_is_kept_to_the_microsecond(moment: datetime) -> None:
    sent = to_timestamp(moment)
    assert sent is not None
    assert from_moment(sent, "at", NOW) == moment


@given(seconds=st.integers(-(2**63), 2**63 - 1), nanos=st.integers(-(2**31), 2**31 - 1))
def test_a_moment_is_one_of_the_past_or_refused(seconds: int, nanos: int) -> None:
    try:
        moment = from_moment(Timestamp(seconds=seconds, nanos=nanos), "at", NOW)
    except InvalidField:
        return
    assert OLDEST <= moment <= NOW + timedelta(minutes=1)


def test_clocks_may_be_a_minute_ahead() -> None:
    ahead = Timestamp(seconds=int(NOW.timestamp()) + 60)
    assert from_moment(ahead, "at", NOW) == NOW + timedelta(minutes=1)
    ahead.nanos = 1000
    with pytest.raises(InvalidField):
        from_moment(ahead, "at", NOW)


def test_a_page_goes_on_where_it_ended() -> None:
    found = [
        CompetitorPrice(
            UUID(int=number), "pro", "globo", "", 1, "EUR", NOW - timedelta(number), "web", "ann",
            NOW,
        )
        for number in range(3)
    ]  # fmt: skip
    assert wire.to_list_competitor_prices(Page(found, more=False))[1] is None
    response, last = wire.to_list_competitor_prices(Page(found, more=True))
    assert len(response.competitor_prices) == len(found)
    assert wire.from_cursor(last) == (found[-1].observed_at, found[-1].competitor_price_id)
    assert wire.from_cursor(None) is None
