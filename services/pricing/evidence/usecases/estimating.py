"""EstimateElasticity and PredictDemand."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.pricing.evidence.rules import statistics
from services.pricing.evidence.rules.estimates import Estimate
from services.pricing.evidence.rules.evidence import beyond
from services.pricing.evidence.rules.posterior import Belief, Thin, rebased
from services.pricing.evidence.rules.questions import (
    DAYS,
    Asked,
    DemandQuestion,
    ElasticityQuestion,
    Predicted,
)
from services.pricing.evidence.usecases.believing import believe
from services.pricing.evidence.usecases.learning import learn
from services.pricing.parts import Parts
from services.pricing.tiers.errors import TierNotFound
from services.pricing.tiers.queries import select_tier
from services.pricing.tiers.rules import Tier
from shared.errors import InvalidField
from shared.identity.identity import Identity


async def estimate_elasticity(
    parts: Parts, caller: Identity, question: ElasticityQuestion
) -> tuple[list[Estimate], datetime]:
    """The estimates, by tier_id, and the time that they hold for. Raises TierNotFound."""
    asked = Asked(caller.org_id, question.days or DAYS, question.as_of, with_usage=True)
    known = await learn(parts, asked, question.now)
    estimates = [known.tiers[name].estimate for name in sorted(known.tiers)]
    if not question.tier_id:
        return estimates, known.as_of
    if question.tier_id not in known.tiers:
        raise TierNotFound(resource="tier")
    return [known.tiers[question.tier_id].estimate], known.as_of


async def predict_demand(parts: Parts, caller: Identity, question: DemandQuestion) -> Predicted:
    """What a price would sell. Raises TierNotFound and InvalidField."""
    async with parts.database.raw_transaction(caller.tenant) as raw:
        tier = await select_tier(raw, caller.org_id, question.tier_id)
    if tier is None:
        raise TierNotFound(resource="tier")
    _check(question, tier)
    believed = await believe(parts, caller.org_id, tier.tier_id, question.now)
    believed = rebased(believed, tier.amount_minor)
    if isinstance(believed, Thin):
        return Predicted(believed.as_of, tier.currency, believed.reasons)
    return await _foretold(parts, caller.org_id, believed, question, tier)


async def _foretold(
    parts: Parts, org_id: UUID, belief: Belief, question: DemandQuestion, tier: Tier
) -> Predicted:
    price, cost = question.price_minor, tier.profile.cost_to_serve_minor
    if reasons := beyond(belief, price):
        return Predicted(belief.as_of, tier.currency, reasons)
    days = question.horizon_days
    told = await parts.statistics.run(org_id, statistics.foretell, belief, price, days, cost or 0)
    return Predicted(belief.as_of, tier.currency, (), told, knows_cost=cost is not None)


def _check(question: DemandQuestion, tier: Tier) -> None:
    if question.currency != tier.currency:
        raise InvalidField.of("price.currency_code", f"must be {tier.currency}, as all of the tier")
    if question.price_minor <= 0:
        raise InvalidField.of("price", "must be more than nothing: demand at 0 is beyond any model")
