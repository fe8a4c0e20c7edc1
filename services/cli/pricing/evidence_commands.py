"""`footfall pricing elasticity`, `demand` and `suggest`."""

from __future__ import annotations

import click
from google.protobuf.timestamp_pb2 import Timestamp

from footfall.pricing.v1.evidence_pb2 import (
    EstimateElasticityRequest,
    PredictDemandRequest,
    SuggestPriceRequest,
)
from footfall.pricing.v1.price_pb2 import Objective
from services.cli import words
from services.cli.inputs import AS_OF, TEXT
from services.cli.pricing import evidence, money
from services.cli.pricing.asking import Pricing, asks
from services.cli.pricing.parameters import TIER, tier_of
from services.cli.telling import tell


@click.command("elasticity")
@click.argument("tier_id", metavar="[TIER]", type=TEXT, default="")
@click.option(
    "--days", type=click.IntRange(30, 1095), default=365, show_default=True, help="So many days."
)
@AS_OF
@asks
async def elasticity(
    pricing: Pricing, *, tier_id: str, days: int, as_of: Timestamp | None, as_json: bool
) -> None:
    r"""Say by how many percent demand changes when the price rises by one percent.

    From ingested revenue by day, with an interval; it says so when the data cannot tell.

    \b
    footfall pricing elasticity pro --days 365
    """
    request = EstimateElasticityRequest(tier_id=tier_id, days=days, as_of=as_of)
    answer = await pricing.ask("EstimateElasticity", request)
    tell(answer, evidence.elasticities, as_json=as_json)


@click.command("demand")
@TIER
@money.amount_option("--price", "At which", required=True)
@money.CURRENCY
@click.option(
    "--days", type=click.IntRange(1, 365), default=30, show_default=True, help="So many days ahead."
)
@asks
async def demand(
    pricing: Pricing,
    *,
    tier_id: str,
    price: tuple[str, str],
    currency: str,
    days: int,
    as_json: bool,
) -> None:
    r"""Predict demand, revenue and margin at a price.

    \b
    footfall pricing demand pro --price 59.00
    """
    code = currency or price[1] or (await tier_of(pricing, tier_id)).price.currency_code
    request = PredictDemandRequest(
        tier_id=tier_id, price=money.amount(price, code), horizon_days=days
    )
    answer = await pricing.ask("PredictDemand", request)
    tell(answer, lambda told: evidence.demand(told, days), as_json=as_json)


@click.command("suggest")
@TIER
@click.option(
    "--objective",
    type=click.Choice(words.names(Objective)),
    help="What to make most of.  [default: margin where the cost to serve is known, else revenue]",
)
@click.option(
    "--days", type=click.IntRange(1, 365), default=90, show_default=True, help="So many days ahead."
)
@asks
async def suggest(
    pricing: Pricing, *, tier_id: str, objective: str | None, days: int, as_json: bool
) -> None:
    r"""Suggest a price within the guard-rails, or say why there is none. It changes nothing.

    \b
    footfall pricing suggest pro --objective revenue
    """
    number = words.number(Objective, objective) if objective else 0
    request = SuggestPriceRequest(
        tier_id=tier_id, objective=Objective.ValueType(number), horizon_days=days
    )
    tell(await pricing.ask("SuggestPrice", request), evidence.suggested, as_json=as_json)
