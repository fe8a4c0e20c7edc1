"""What demand says of prices, for people to read: estimates, predictions, suggestions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from footfall.pricing.v1.approval_pb2 import MoneyQuantiles, Quantiles
from footfall.pricing.v1.evidence_pb2 import (
    Elasticity,
    EstimateElasticityResponse,
    PredictDemandResponse,
    PriceSuggestion,
    SuggestPriceResponse,
)
from footfall.pricing.v1.price_pb2 import Objective
from services.cli import words
from services.cli.pricing import money
from services.cli.pricing.impact import impact

_INDENT = (0, 0, 0, 2)
_ALMOST = 0.99


def belief(one: Quantiles) -> str:
    """The middle, and the ends of eight tenths of it."""
    return f"{one.p50:.2f} ({one.p10:.2f} to {one.p90:.2f})"


def share(one: Quantiles) -> str:
    """The same of a share."""
    return f"{one.p50:.1%} ({one.p10:.1%} to {one.p90:.1%})"


def surely(confidence: float) -> str:
    """A share of the belief; nothing is certain."""
    return "over 99%" if confidence > _ALMOST else f"{confidence:.0%}"


def more(objective: int) -> str:
    """What a confidence is about."""
    if not objective:
        return "better than today's price"
    return f"more {words.read(Objective, objective)} than at today's price"


def amounts(one: MoneyQuantiles, *, signed: bool = False) -> str:
    """The same of an amount, or of a difference."""
    low, high = (money.number(end, signed=signed) for end in (one.p10, one.p90))
    return f"{money.said(one.p50, signed=signed)} ({low} to {high})"


def elasticities(told: EstimateElasticityResponse) -> RenderableType:
    """Each tier's, with what it rests on."""
    if not told.elasticities:
        return Text("There are no tiers.", "dim")
    parts = [part for one in told.elasticities for part in elasticity(one)]
    return Group(*parts, Text(f"as of {words.time(told.as_of)}", "dim"))


def elasticity(one: Elasticity) -> Iterator[RenderableType]:
    """How demand answers to the price of a tier."""
    told = Text().append(one.tier_id, "bold")
    told.append(f"  {one.mean:.2f}", "cyan" if not one.insufficient_data else "dim")
    told.append(f"  (95 %: {one.lower:.2f} to {one.upper:.2f})")
    yield told
    if one.insufficient_data:
        yield _thin(one.reasons, "the numbers are what is believed without data")
    else:
        yield Padding(Text(_meaning(one)), _INDENT)
    yield Padding(Text("; ".join(_rests_on(one)), "dim"), _INDENT)


def _meaning(one: Elasticity) -> str:
    way = "loses" if one.mean < 0 else "gains"
    return f"a price that is 10 % higher {way} about {abs(10 * one.mean):.0f} % of demand"


def _rests_on(one: Elasticity) -> Iterator[str]:
    found = one.diagnostics
    yield f"{words.counted(found.observations, 'day')}, {found.distinct_prices} different prices"
    if found.promotion_days:
        yield f"{words.counted(found.promotion_days, 'day')} of promotion"
    yield f"{one.own_weight:.0%} this tier's own data"


def demand(told: PredictDemandResponse, days: int) -> RenderableType:
    """What a price would do."""
    if told.insufficient_data:
        return _thin(told.reasons, "there is no prediction")
    rows = [Text(f"in {days} days, in the middle (and eight tenths of the belief):")]
    rows.append(Text(f"  units    {_units(told.units)}"))
    rows.append(Text(f"           {_units(told.units_at_current_price)} at today's price"))
    rows.append(Text(f"  revenue  {amounts(told.revenue)}"))
    if told.HasField("margin"):
        rows.append(Text(f"  margin   {amounts(told.margin)}"))
    return Group(*rows, Text(f"as of {words.time(told.as_of)}", "dim"))


def _units(one: Quantiles) -> str:
    return f"{one.p50:,.0f} ({one.p10:,.0f} to {one.p90:,.0f})"


def suggested(told: SuggestPriceResponse) -> RenderableType:
    """A price and why, or why there is none."""
    if not told.HasField("suggestion"):
        why = "the evidence is too thin" if told.insufficient_data else "no price beats today's"
        return _thin(told.reasons, f"no suggestion: {why}")
    return Group(*suggestion(told.suggestion))


def suggestion(one: PriceSuggestion) -> Iterator[RenderableType]:
    """What is suggested, what it may do, what held it back, and how to ask for it."""
    old, new = one.current_price, one.suggested_price
    told = Text().append(f"{one.tier_id}: ", "bold")
    told.append(f"{money.number(old)} → {money.said(new)}", "bold green")
    yield told.append(f"  ({money.percent(old, new)})")
    objective = words.read(Objective, one.objective)
    yield Text(f"for the most {objective} in {words.counted(one.horizon_days, 'day')}; "
               f"{more(one.objective)} with a confidence of {surely(one.confidence)}")  # fmt: skip
    yield Text("\nWhat it may do to the revenue", "italic")
    yield from (
        Padding(part, _INDENT) for part in impact(one.revenue_impact, f"in {one.horizon_days} days")
    )
    yield Text("")
    yield from (Text(line) for line in _beside(one))
    for risk in one.risks:
        yield (
            Text()
            .append("! ", "yellow")
            .append(f"{risk.name.replace('_', ' ')}: ", "bold")
            .append(risk.description)
        )
    yield from elasticity(one.elasticity)
    yield Text("\nIt changes nothing. Ask for it with", "italic")
    yield Text(f"footfall approvals request {one.tier_id} --price '{money.said(new)}' \\\n"
               f"    --suggestion {one.suggestion_id} --reason 'WHY'", no_wrap=True)  # fmt: skip


def _beside(one: PriceSuggestion) -> Iterator[str]:
    if one.HasField("churn_risk"):
        yield f"likely to leave because of it: {share(one.churn_risk)} of subscribers"
    if one.HasField("margin_impact"):
        yield f"margin: {amounts(one.margin_impact, signed=True)}"
    rivals = one.competitor_position
    if rivals.competitors:
        yield (
            f"{words.counted(rivals.competitors, 'competitor')} from {money.number(rivals.lowest)} "
            f"to {money.said(rivals.highest)}, {rivals.cheaper} of them cheaper"
        )
    if one.HasField("value_bounds"):
        bounds = one.value_bounds
        yield f"worth to a usual client: {money.number(bounds.low)} to {money.said(bounds.high)}"
    if one.bound_by:
        yield f"held back by: {', '.join(one.bound_by)}"


def _thin(reasons: Sequence[str], first: str) -> RenderableType:
    """What is missing."""
    told = ", ".join(reasons) or "no more was said"
    return Padding(Text(f"{first}: {told}", "yellow"), _INDENT)
