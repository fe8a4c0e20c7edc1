"""Tiers, subscriptions and competitors, for people to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from footfall.pricing.v1.price_pb2 import (
    BillingPeriod,
    CompetitorPrice,
    GetTierResponse,
    PriceVersion,
    Subscription,
    Tier,
    ValueMetric,
)
from services.cli import words
from services.cli.pricing import money
from services.cli.terminal.tables import table


def tiers(found: Sequence[Tier]) -> RenderableType:
    """A line for each."""
    if not found:
        return Text("There are no such tiers.", "dim")
    rows = table("tier", "name", "price", "paid", "version", right=["price", "version"])
    for one in found:
        name = f"{one.display_name} (retired)" if one.retired else one.display_name
        rows.add_row(
            Text(one.tier_id, "bold"),
            Text(name),
            Text(money.said(one.price), "cyan"),
            Text(money.each(one.billing_period)),
            Text(str(one.price_version)),
        )
    return rows


def tier(told: GetTierResponse) -> RenderableType:
    """All that is kept of one, and its prices."""
    parts: list[RenderableType] = [kept(told.tier)]
    if told.prices:
        parts += [Text("\nPrices for new customers, the latest first", "italic")]
        parts.append(_prices(told.prices))
    return Group(*parts)


def kept(one: Tier) -> RenderableType:
    """What it is and costs."""
    rows = Table.grid(padding=(0, 2))
    for title, value in _facts(one):
        if value:
            rows.add_row(Text(title, "dim"), Text(value))
    return Group(Text(_named(one.tier_id, one.display_name), "bold"), rows)


def _facts(one: Tier) -> Iterator[tuple[str, str]]:
    yield "price", f"{money.said(one.price)} {money.each(one.billing_period)}"
    yield "version", f"{one.price_version}, etag {one.etag}"
    yield "about", one.description
    if one.HasField("cost_to_serve"):
        yield "costs you", money.said(one.cost_to_serve)
    if one.HasField("floor_price"):
        yield "floor", f"{money.said(one.floor_price)}: no suggestion goes below it"
    for metric in one.value_metrics:
        yield "worth", _worth(metric)
    yield "retired", "nobody new can take it" if one.retired else ""
    yield "changed", words.time(one.updated_at)


def _worth(one: ValueMetric) -> str:
    ends = f"{money.number(one.low_value)} to {money.said(one.high_value)}"
    return f"{ends} for each of {one.name}, of which a usual client has {one.usual_units:g}"


def _prices(found: Sequence[PriceVersion]) -> Table:
    rows = table("version", "price", "from", "to", "by change", right=["version", "price"])
    for one in found:
        rows.add_row(
            Text(str(one.version)),
            Text(money.said(one.price), "cyan"),
            Text(words.time(one.valid_from)),
            Text(words.time(one.valid_to) if one.HasField("valid_to") else "in force"),
            Text(one.price_change_id or "the first", "dim"),
        )
    return rows


def subscriptions(found: Sequence[Subscription]) -> RenderableType:
    """A line for each."""
    if not found:
        return Text("There are no such subscriptions.", "dim")
    rows = table("subscription", "client", "tier", "pays", "since", "awaits", right=["pays"])
    for one in found:
        since = words.day(one.started_at)
        if one.HasField("ended_at"):
            since = f"{since} to {words.day(one.ended_at)}"
        rows.add_row(
            Text(one.subscription_id, "bold"),
            Text(one.client_id),
            Text(one.tier_id),
            Text(money.said(one.price), "cyan"),
            Text(since),
            Text(_awaits(one), "yellow"),
        )
    return rows


def _awaits(one: Subscription) -> str:
    """A change that does not hold for it yet."""
    if not one.pending_price_change_id:
        return ""
    if one.HasField("pending_effective_time"):
        return f"a change on {words.day(one.pending_effective_time)}"
    return "a notice of a change"


def competitors(found: Sequence[CompetitorPrice]) -> RenderableType:
    """A line for each finding."""
    if not found:
        return Text("There are no such findings.", "dim")
    rows = table("competitor", "offer", "tier", "price", "seen", "source", right=["price"])
    for one in found:
        rows.add_row(
            Text(one.competitor, "bold"),
            Text(one.offer),
            Text(one.tier_id),
            Text(money.said(one.price), "cyan"),
            Text(words.day(one.observed_at)),
            Text(one.source, "dim"),
        )
    return rows


def periods() -> list[str]:
    """What may be typed for a billing period."""
    return words.names(BillingPeriod)


def _named(identifier: str, name: str) -> str:
    return f"{name} ({identifier})" if name else identifier
