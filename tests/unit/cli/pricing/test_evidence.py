"""Estimates, predictions and suggestions, as they are drawn."""

from __future__ import annotations

from footfall.pricing.v1.approval_pb2 import MoneyQuantiles, NamedRisk, Quantiles
from footfall.pricing.v1.evidence_pb2 import (
    CompetitorPosition,
    Elasticity,
    ElasticityDiagnostics,
    EstimateElasticityResponse,
    PredictDemandResponse,
    PriceSuggestion,
    SuggestPriceResponse,
    ValueBounds,
)
from footfall.pricing.v1.price_pb2 import OBJECTIVE_MARGIN
from services.cli.pricing import evidence, money
from tests.drawing import at, drawn

SUGGESTION_ID = "0198f3a2-5b7c-7000-8000-2f1d3c4b5a63"
ELASTICITY = Elasticity(
    tier_id="pro", mean=-0.74, lower=-0.9, upper=-0.57, own_weight=0.97,
    diagnostics=ElasticityDiagnostics(observations=365, distinct_prices=5, promotion_days=1),
)  # fmt: skip


def between(*minor: int) -> MoneyQuantiles:
    p10, p50, p90 = (money.of_minor(one, "EUR") for one in minor)
    return MoneyQuantiles(p10=p10, p50=p50, p90=p90)


def suggestion(**fields: object) -> SuggestPriceResponse:
    given = {
        "tier_id": "pro", "suggestion_id": SUGGESTION_ID, "current_price": money.parsed("49 EUR"),
        "suggested_price": money.parsed("61.25 EUR"), "confidence": 0.9998, "horizon_days": 90,
        "revenue_impact": between(-100, 500, 900), "margin_impact": between(100, 700, 1100),
        "churn_risk": Quantiles(p10=0.1, p50=0.15, p90=0.2), "bound_by": ["max_step"],
        "elasticity": ELASTICITY, "objective": OBJECTIVE_MARGIN,
        "risks": [NamedRisk(name="notice_needed", description="In 30 days at the earliest.")],
        "competitor_position": CompetitorPosition(
            competitors=3, cheaper=2, lowest=money.parsed("47 EUR"), highest=money.parsed("63 EUR")
        ),
        "value_bounds": ValueBounds(low=money.parsed("40 EUR"), high=money.parsed("65 EUR")),
    }  # fmt: skip
    one = PriceSuggestion(**{**given, **fields})  # type: ignore[arg-type]
    return SuggestPriceResponse(suggestion=one)


def test_a_suggestion_says_what_it_may_do_what_held_it_back_and_how_to_ask_for_it() -> None:
    said = "\n".join(drawn(evidence.suggested(suggestion()), 80))
    for told in (
        "49.00 → 61.25 EUR  (+25.0%)",
        "for the most margin in 90 days",
        "P10 -1.00   P50 +5.00   P90 +9.00 EUR in 90 days",
        "15.0% (10.0% to 20.0%) of subscribers",
        "margin: +7.00 EUR (+1.00 to +11.00)",
        "3 competitors from 47.00 to 63.00 EUR, 2 of them cheaper",
        "worth to a usual client: 40.00 to 65.00 EUR",
        "held back by: max_step",
        "! notice needed: In 30 days at the earliest.",
        "footfall approvals request pro --price '61.25 EUR' \\\n    --suggestion " + SUGGESTION_ID,
    ):
        assert told in said


def test_nothing_is_certain() -> None:
    said = " ".join(" ".join(drawn(evidence.suggested(suggestion()), 80)).split())
    assert "confidence of over 99%" in said
    assert evidence.surely(0.99) == "99%"
    assert evidence.surely(0.804) == "80%"


def test_no_suggestion_is_an_answer_with_its_reasons() -> None:
    thin = SuggestPriceResponse(insufficient_data=True, reasons=["PRICE_NEVER_VARIED"])
    (said,) = drawn(evidence.suggested(thin))
    assert said.strip() == "no suggestion: the evidence is too thin: PRICE_NEVER_VARIED"
    (said,) = drawn(evidence.suggested(SuggestPriceResponse(reasons=["BELOW_MIN_CONFIDENCE"])))
    assert "no price beats today's: BELOW_MIN_CONFIDENCE" in said


def test_an_elasticity_is_said_in_words_with_what_it_rests_on() -> None:
    thin = Elasticity(tier_id="team", mean=-1, lower=-2, upper=0, insufficient_data=True,
                      reasons=["TOO_FEW_DAYS"])  # fmt: skip
    told = EstimateElasticityResponse(elasticities=[ELASTICITY, thin], as_of=at(0))
    said = "\n".join(drawn(evidence.elasticities(told), 80))
    assert "pro  -0.74  (95 %: -0.90 to -0.57)" in said
    assert "a price that is 10 % higher loses about 7 % of demand" in said
    assert "365 days, 5 different prices; 1 day of promotion; 97% this tier's own data" in said
    assert "the numbers are what is believed without data: TOO_FEW_DAYS" in said
    assert drawn(evidence.elasticities(EstimateElasticityResponse())) == ["There are no tiers."]


def test_a_prediction_stands_beside_today() -> None:
    told = PredictDemandResponse(
        units=Quantiles(p10=498, p50=540, p90=585),
        revenue=between(2_739_000, 2_970_000, 3_217_500),
        units_at_current_price=Quantiles(p10=543, p50=589, p90=1636), as_of=at(0),
    )  # fmt: skip
    said = "\n".join(drawn(evidence.demand(told, 30), 80))
    assert "units    540 (498 to 585)" in said
    assert "589 (543 to 1,636) at today's price" in said
    assert "29,700.00 EUR (27,390.00 to 32,175.00)" in said
    assert "margin" not in said, "the cost to serve is not known"
