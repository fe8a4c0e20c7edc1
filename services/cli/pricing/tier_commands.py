"""`footfall pricing tiers`."""

from __future__ import annotations

import re
from typing import Any

import click

from footfall.pricing.v1.price_pb2 import (
    BillingPeriod,
    GetTierRequest,
    ListTiersRequest,
    Tier,
    UpsertTierRequest,
    ValueMetric,
)
from services.cli import words
from services.cli.inputs import LIMIT, TEXT
from services.cli.pricing import money, views
from services.cli.pricing.asking import Pricing, asks
from services.cli.pricing.parameters import TIER, tier_or_none
from services.cli.telling import MORE, one_line, printable, show, tell

_METRIC = re.compile(r"([^:]{1,64}):([^:-]+)-([^:-]+):([0-9]{1,9}(?:\.[0-9]{1,6})?)")


@click.group(short_help="List, show and set what is sold.")
def tiers() -> None:
    r"""List, show and set what is sold.

    \b
    footfall pricing tiers set pro --price '49.00 EUR' --name Pro
    footfall pricing tiers show pro
    """


@tiers.command("list")
@click.option("--with-retired", is_flag=True, help="Retired ones too.")
@LIMIT
@asks
async def list_tiers(pricing: Pricing, *, with_retired: bool, limit: int, as_json: bool) -> None:
    r"""List tiers, by their ids.

    \b
    footfall pricing tiers list
    """
    request = ListTiersRequest(page_size=limit, with_retired=with_retired)
    answer = await pricing.ask("ListTiers", request)
    if as_json:
        one_line(answer)
    else:
        show(views.tiers(printable(answer).tiers), MORE if answer.next_page_token else "")


@tiers.command("show")
@TIER
@asks
async def show_tier(pricing: Pricing, *, tier_id: str, as_json: bool) -> None:
    r"""Show a tier and every price that it had.

    \b
    footfall pricing tiers show pro
    """
    tell(await pricing.ask("GetTier", GetTierRequest(tier_id=tier_id)), views.tier, as_json=as_json)


class _Metric(click.ParamType[tuple[str, str, str, str]]):
    """`NAME:LOW-HIGH:UNITS`."""

    name = "NAME:LOW-HIGH:UNITS"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str, str, str]:
        found = _METRIC.fullmatch(TEXT.convert(value, param, ctx))
        if found is None:
            self.fail(f"{value!r} is not like active_users:4.00-6.50:10.", param, ctx)
        name, low, high, units = found.groups()
        return name, low, high, units


@tiers.command("set")
@TIER
@money.amount_option("--price", "What it costs, when it is new")
@money.CURRENCY
@click.option("--period", type=click.Choice(views.periods()), help="For how long that is paid.")
@click.option("--name", metavar="TEXT", type=TEXT, help="What it is called.")
@click.option("--description", metavar="TEXT", type=TEXT, help="What is in it.")
@money.amount_option("--cost", "What one subscription costs you in a billing period")
@money.amount_option("--floor", "Below which no suggestion goes")
@click.option(
    "--value-metric", "metrics", type=_Metric(), multiple=True,
    help="What its value is measured by, what one unit is worth at least and at most, and how "
    "many units a usual client has. Repeatable; replaces those that were.",
)  # fmt: skip
@click.option("--retired/--not-retired", default=None, help="Whether nobody new can take it.")
@asks
async def set_tier(pricing: Pricing, *, tier_id: str, as_json: bool, **given: Any) -> None:
    r"""Make a tier with its first price, or change all of it but its price.

    What is not given stays. The price of a tier that exists changes only through an approval:
    `footfall approvals request`.

    \b
    footfall pricing tiers set pro --price 49.00 --currency EUR --period month --name Pro
    footfall pricing tiers set pro --cost '7.50 EUR' --value-metric active_users:4.00-6.50:10
    """
    tier = await tier_or_none(pricing, tier_id) or Tier(
        tier_id=tier_id, billing_period=BillingPeriod.BILLING_PERIOD_MONTH
    )
    _change(tier, **given)
    answer = await pricing.ask("UpsertTier", UpsertTierRequest(tier=tier))
    tell(answer, lambda told: views.kept(told.tier), as_json=as_json)


def _change(
    tier: Tier,
    *,
    currency: str,
    price: tuple[str, str] | None,
    period: str | None,
    retired: bool | None,
    metrics: tuple[tuple[str, str, str, str], ...],
    **given: Any,
) -> None:
    """What was given and no more."""
    code = currency or tier.price.currency_code or (price[1] if price else "")
    if price is not None:
        tier.price.CopyFrom(money.amount(price, code))
    if period is not None:
        tier.billing_period = BillingPeriod.ValueType(words.number(BillingPeriod, period))
    if retired is not None:
        tier.retired = retired
    for option, field in (("cost", "cost_to_serve"), ("floor", "floor_price")):
        if given[option] is not None:
            getattr(tier, field).CopyFrom(money.amount(given[option], code))
    for option, field in (("name", "display_name"), ("description", "description")):
        if given[option] is not None:
            setattr(tier, field, given[option])
    if metrics:
        del tier.value_metrics[:]
        tier.value_metrics.extend(_metric(one, code) for one in metrics)


def _metric(typed: tuple[str, str, str, str], currency: str) -> ValueMetric:
    name, low, high, units = typed
    return ValueMetric(
        name=name,
        low_value=money.parsed(low, currency),
        high_value=money.parsed(high, currency),
        usual_units=float(units),
    )
