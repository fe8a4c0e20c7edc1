"""What became of changes, as it is drawn."""

from __future__ import annotations

from footfall.pricing.v1.approval_pb2 import (
    MoneyQuantiles,
    PriceChange,
    PriceChangeReview,
    PriceChangeState,
)
from services.cli.pricing import changes, money
from tests.drawing import at, drawn

PREDICTED = MoneyQuantiles(
    p10=money.of_minor(-5_000, "EUR"),
    p50=money.of_minor(10_000, "EUR"),
    p90=money.of_minor(30_000, "EUR"),
)


def said(**review: object) -> str:
    """The line of a review."""
    found = PriceChangeReview(days=30, actual=money.of_minor(12_345, "EUR"), paid_share=1.0)
    found.MergeFrom(PriceChangeReview(**review))  # type: ignore[arg-type]
    change = PriceChange(
        tier_id="pro", state=PriceChangeState.PRICE_CHANGE_STATE_EFFECTIVE, reviews=[found],
        old_price=money.parsed("49 EUR"), new_price=money.parsed("59 EUR"), approved_at=at(70),
        effective_time=at(40), applied_at=at(40),
    )  # fmt: skip
    return drawn(changes.one(change), 200)[-1].strip()


def test_what_came_is_held_against_what_was_predicted() -> None:
    for within, told in ((True, "as predicted"), (False, "NOT as predicted")):
        line = said(predicted=PREDICTED, within=within)
        assert line == f"after 30 days: +123.45 EUR a month, {told} (-50.00 to +300.00 EUR)"


def test_where_nothing_was_predicted_nothing_is_denied() -> None:
    assert said() == "after 30 days: +123.45 EUR a month, nothing was predicted"


def test_before_subscribers_pay_it_nobody_can_say() -> None:
    assert said(predicted=PREDICTED, paid_share=0.25) == (
        "after 30 days: +123.45 EUR a month, too early to judge: subscribers paid it for 25% of "
        "the time (-50.00 to +300.00 EUR)"
    )
