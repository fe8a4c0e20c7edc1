"""Evidence on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from footfall.pricing.v1 import approval_pb2
from footfall.pricing.v1 import evidence_pb2 as pb
from services.pricing.amounts import from_money, to_money
from services.pricing.evidence.rules.estimates import Diagnostics, Estimate
from services.pricing.evidence.rules.posterior import Quantiles, whole_minor
from services.pricing.evidence.rules.questions import (
    DemandQuestion,
    ElasticityQuestion,
    Predicted,
)
from services.pricing.tiers.wire.moments import from_moment
from shared.errors import InvalidField

_LEAST_DAYS = 30
_HORIZON_DAYS = 30


def from_estimate_elasticity(
    request: pb.EstimateElasticityRequest, now: datetime
) -> ElasticityQuestion:
    """Which tier, over which days. Raises InvalidField."""
    if 0 < request.days < _LEAST_DAYS:
        raise InvalidField.of("days", "must be 0, or from 30 to 1,095")
    as_of = from_moment(request.as_of, "as_of", now) if request.HasField("as_of") else None
    return ElasticityQuestion(request.tier_id, request.days, as_of, now)


def to_estimate_elasticity(
    estimates: Sequence[Estimate], as_of: datetime
) -> pb.EstimateElasticityResponse:
    """The estimates, each with what it rests on."""
    response = pb.EstimateElasticityResponse(elasticities=map(to_elasticity, estimates))
    response.as_of.FromDatetime(as_of)
    return response


def to_elasticity(estimate: Estimate) -> pb.Elasticity:
    """One estimate."""
    return pb.Elasticity(
        tier_id=estimate.tier_id,
        mean=estimate.mean,
        lower=estimate.lower,
        upper=estimate.upper,
        insufficient_data=bool(estimate.reasons),
        reasons=estimate.reasons,
        diagnostics=to_diagnostics(estimate.diagnostics),
        own_weight=estimate.own_weight,
    )


def to_diagnostics(found: Diagnostics) -> pb.ElasticityDiagnostics:
    """How far it can be trusted."""
    return pb.ElasticityDiagnostics(
        observations=found.observations,
        distinct_prices=found.distinct_prices,
        log_variation=found.log_variation,
        r_squared=found.r_squared,
        autocorrelation=found.autocorrelation,
        newey_west_lags=found.newey_west_lags,
        standard_error=found.standard_error,
        competitor_effect=found.competitor_effect,
        promotion_days=found.promotion_days,
        usage_elasticity=found.usage_elasticity,
    )


def from_predict_demand(request: pb.PredictDemandRequest, now: datetime) -> DemandQuestion:
    """Which price. Raises InvalidField."""
    price = from_money(request.price, "price")
    days = request.horizon_days or _HORIZON_DAYS
    return DemandQuestion(request.tier_id, price.minor, price.currency, days, now)


def to_predict_demand(predicted: Predicted) -> pb.PredictDemandResponse:
    """What it would sell, or why nobody can tell."""
    response = pb.PredictDemandResponse(
        insufficient_data=bool(predicted.reasons), reasons=predicted.reasons
    )
    response.as_of.FromDatetime(predicted.as_of)
    told, currency = predicted.foretold, predicted.currency
    if told is not None:
        response.units.CopyFrom(to_quantiles(told.units))
        response.units_at_current_price.CopyFrom(to_quantiles(told.units_at_current_price))
        response.revenue.CopyFrom(to_money_quantiles(told.revenue, currency))
        if predicted.knows_cost:
            response.margin.CopyFrom(to_money_quantiles(told.margin, currency))
    return response


def to_quantiles(told: Quantiles) -> approval_pb2.Quantiles:
    """A belief about a number."""
    return approval_pb2.Quantiles(p10=told.p10, p50=told.p50, p90=told.p90)


def to_money_quantiles(told: Quantiles, currency: str) -> approval_pb2.MoneyQuantiles:
    """A belief about an amount."""
    amounts = {
        name: to_money(whole_minor(value), currency)
        for name, value in (("p10", told.p10), ("p50", told.p50), ("p90", told.p90))
    }
    return approval_pb2.MoneyQuantiles(**amounts)
