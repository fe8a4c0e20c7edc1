"""Suggestions between the wire and values."""

from __future__ import annotations

import math
from typing import Any

from google.protobuf.json_format import MessageToDict

from footfall.pricing.v1 import approval_pb2, price_pb2
from footfall.pricing.v1 import evidence_pb2 as pb
from services.pricing.amounts import to_money
from services.pricing.evidence.rules.estimates import METHOD_VERSION
from services.pricing.evidence.wire import to_elasticity, to_money_quantiles, to_quantiles
from services.pricing.guard_rails.rules.ground import Ground
from services.pricing.suggestions.rules.choosing import Objective
from services.pricing.suggestions.rules.suggestions import (
    HORIZON_DAYS,
    Asked,
    NoSuggestion,
    Suggestion,
)
from shared.money import MAX_MINOR


def from_suggest_price(sent: pb.SuggestPriceRequest) -> Asked:
    """What is asked for."""
    objective = Objective(sent.objective) if sent.objective else None
    return Asked(sent.tier_id, objective, sent.horizon_days or HORIZON_DAYS)


def to_suggest_price(found: Suggestion | NoSuggestion) -> pb.SuggestPriceResponse:
    """The answer."""
    if isinstance(found, NoSuggestion):
        response = pb.SuggestPriceResponse(
            insufficient_data=found.insufficient_data, reasons=found.reasons
        )
        response.as_of.FromDatetime(found.as_of)
        return response
    response = pb.SuggestPriceResponse(suggestion=to_suggestion(found))
    response.as_of.FromDatetime(found.belief.as_of)
    return response


def to_suggestion(made: Suggestion) -> pb.PriceSuggestion:
    """A suggestion with all that it rests on."""
    belief, choice, currency = made.belief, made.choice, made.belief.currency
    shown = pb.PriceSuggestion(
        suggestion_id=str(made.suggestion_id),
        tier_id=belief.tier_id,
        current_price=to_money(belief.price_minor, currency),
        suggested_price=to_money(choice.price_minor, currency),
        confidence=choice.confidence,
        revenue_impact=to_money_quantiles(choice.revenue, currency),
        margin_impact=to_money_quantiles(choice.margin, currency) if choice.margin else None,
        churn_risk=to_quantiles(choice.churn),
        competitor_position=_to_position(made.ground, choice.price_minor),
        value_bounds=_to_value(made.ground),
        risks=[approval_pb2.NamedRisk(**risk._asdict()) for risk in made.risks],
        bound_by=choice.bound_by,
        elasticity=to_elasticity(belief.estimate),
        objective=price_pb2.Objective.ValueType(made.goal.objective),
        horizon_days=made.goal.horizon_days,
        seed=belief.seed,
        method_version=METHOD_VERSION,
    )
    shown.made_at.FromDatetime(made.made_at)
    return shown


def to_json(answer: pb.SuggestPriceResponse) -> dict[str, Any]:
    """The suggestion of an answer as it is kept."""
    return MessageToDict(
        answer.suggestion,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )


def _to_position(ground: Ground, price_minor: int) -> pb.CompetitorPosition:
    known, currency = ground.competitors_minor, ground.currency
    if (median := ground.competitors_median) is None:
        return pb.CompetitorPosition()
    return pb.CompetitorPosition(
        competitors=len(known),
        lowest=to_money(min(known), currency),
        median=to_money(round(median), currency),
        highest=to_money(max(known), currency),
        cheaper=sum(one < price_minor for one in known),
    )


def _to_value(ground: Ground) -> pb.ValueBounds | None:
    low, high = ground.value_low, ground.value_high
    if high is None:
        return None
    return pb.ValueBounds(
        low=to_money(min(math.ceil(low or 0), MAX_MINOR), ground.currency),
        high=to_money(min(math.floor(high), MAX_MINOR), ground.currency),
    )
