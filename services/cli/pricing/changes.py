"""Approved changes and what became of them, for people to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from footfall.pricing.v1.approval_pb2 import PriceChange, PriceChangeReview, PriceChangeState
from footfall.pricing.v1.decision_pb2 import RecordNoticeDeliveredResponse
from services.cli import words
from services.cli.pricing import money

_STYLES = {1: "cyan", 2: "cyan", 3: "green", 4: "dim", 5: "red", 6: "dim", 7: "red"}
_INDENT = (0, 0, 0, 2)
_AHEAD = (
    PriceChangeState.PRICE_CHANGE_STATE_APPROVED,
    PriceChangeState.PRICE_CHANGE_STATE_NOTICE_RUNNING,
)


def several(found: Sequence[PriceChange]) -> RenderableType:
    """Each in some lines."""
    if not found:
        return Text("There are no such changes.", "dim")
    return Group(*(one(change) for change in found))


def one(change: PriceChange) -> RenderableType:
    """Where it stands, whom it reached, and whether the prediction held."""
    return Group(_head(change), *(Padding(Text(told), _INDENT) for told in _told(change)))


def noticed(told: RecordNoticeDeliveredResponse) -> RenderableType:
    """From when on somebody pays."""
    delivered, effective = words.time(told.delivered_at), words.time(told.effective_time)
    return Text(f"Told on {delivered}; they pay the new price from {effective} on.")


def _head(change: PriceChange) -> Text:
    state = words.read(PriceChangeState, change.state)
    told = (
        Text().append(state, _STYLES.get(change.state, "")).append(f"  {change.tier_id}  ", "bold")
    )
    told.append(f"{money.number(change.old_price)} → {money.said(change.new_price)} ")
    told.append(f"({money.percent(change.old_price, change.new_price)})")
    return told.append(f"\n  change {change.price_change_id}, etag {change.etag}", "dim")


def _told(change: PriceChange) -> Iterator[str]:
    approved, effective = words.time(change.approved_at), words.time(change.effective_time)
    verb = "takes" if change.state in _AHEAD else "was to take"
    if change.HasField("applied_at"):
        yield f"approved {approved}, in force for new customers since {effective}"
    else:
        yield f"approved {approved}, {verb} effect {effective}"
    if change.subscribers:
        yield (
            f"told of it: {change.notices_delivered:,} of "
            f"{words.counted(change.subscribers, 'subscriber')}; "
            f"pay it: {change.subscribers_effective:,}"
        )
    if change.problem:
        yield change.problem
    for review in change.reviews:
        yield _review(review)


def _review(one: PriceChangeReview) -> str:
    told = f"after {one.days} days: {money.said(one.actual, signed=True)} a month, {_judged(one)}"
    if not one.HasField("predicted"):
        return told
    low, high = money.number(one.predicted.p10, signed=True), one.predicted.p90
    return f"{told} ({low} to {money.said(high, signed=True)})"


def _judged(one: PriceChangeReview) -> str:
    """Whether the prediction held, or why nobody can say."""
    if one.HasField("within"):
        return "as predicted" if one.within else "NOT as predicted"
    if not one.HasField("predicted"):
        return "nothing was predicted"
    return f"too early to judge: subscribers paid it for {one.paid_share:.0%} of the time"
