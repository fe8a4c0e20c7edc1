"""Recommendations on the wire."""

from __future__ import annotations

from datetime import UTC
from typing import cast
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from footfall.journey.v1 import actions_pb2 as pb
from footfall.journey.v1 import journey_pb2
from services.journey.actions.rules.advice import Advice, Recommendation
from services.journey.actions.rules.decision import PURPOSE, packed
from services.journey.actions.rules.eligibility import Withheld
from services.journey.journeys.rules.moments import to_micros
from services.journey.journeys.rules.vocabulary import SECOND, Action, Micros, Priority
from services.journey.learning.rules.policy import Effect
from services.journey.standings.wire import to_risk_finding
from shared.errors import InvalidField
from shared.rpc.page_token import PageTokens

_RECOMMENDATIONS = 3


def from_get_next_best_action(request: pb.GetNextBestActionRequest) -> tuple[Micros | None, int]:
    """As of when, None for now, and how many recommendations at most."""
    most = request.max_results or _RECOMMENDATIONS
    if not request.HasField("as_of"):
        return None, most
    try:
        return to_micros(request.as_of.ToDatetime(UTC)), most
    except (ValueError, OverflowError):
        told = "must be a valid time of the years 1 to 9999"
        raise InvalidField.of("as_of", told) from None


def to_get_next_best_action(
    advice: Advice, org_id: UUID, tokens: PageTokens
) -> pb.GetNextBestActionResponse:
    """The answer, with what was decided signed."""
    recommended = _to_recommendations(advice)
    signals, scored, decision = advice.signals, advice.score, advice.decision
    return pb.GetNextBestActionResponse(
        action=recommended[0] if recommended else None,
        alternatives=recommended[1:],
        withheld=map(_to_withheld, advice.withheld),
        score=scored.score,
        risk_level=cast("journey_pb2.RiskLevel.ValueType", scored.level.value),
        risks=map(to_risk_finding, scored.findings),
        stage=cast("journey_pb2.Stage.ValueType", scored.stage.value),
        signals_available=signals is not None,
        signals_age_seconds=None if signals is None else signals.seconds,
        signals_stale=signals is not None and signals.stale,
        as_of=_to_timestamp(advice.as_of),
        expires_at=_to_timestamp(advice.expires_at),
        decision_token=""
        if decision is None
        else tokens.seal_for(PURPOSE, org_id, packed(decision)),
        settings_version=advice.settings_version,
        policy_version=advice.policy_version,
        held_out=advice.held_out,
    )


def _to_recommendations(advice: Advice) -> list[pb.Recommendation]:
    return [
        _to_recommendation(one, advice.priority, rank)
        for rank, one in enumerate(advice.recommended, start=1)
    ]


def _to_recommendation(one: Recommendation, priority: Priority, rank: int) -> pb.Recommendation:
    called = one.ranked.called
    return pb.Recommendation(
        action=_to_action(called.action),
        priority=cast("journey_pb2.Priority.ValueType", priority.value),
        reason=one.reason,
        evidence=one.evidence,
        risks=[cast("journey_pb2.Risk.ValueType", each.risk.value) for each in called.findings],
        called_for_by_stage=called.by_stage,
        channel=cast("journey_pb2.Channel.ValueType", one.channel.value),
        expected_effect=_to_effect(one.ranked.effect),
        rank=rank,
        propensity=one.ranked.propensity,
    )


def _to_effect(effect: Effect) -> pb.ExpectedEffect:
    return pb.ExpectedEffect(
        mean=effect.mean, lower=effect.lower, upper=effect.upper, outcomes=effect.outcomes
    )


def _to_withheld(held: Withheld) -> pb.WithheldAction:
    return pb.WithheldAction(
        action=_to_action(held.action),
        reason=cast("pb.WithheldReason.ValueType", held.reason.value),
        until=None if held.until is None else _to_timestamp(held.until),
    )


def _to_action(action: Action) -> journey_pb2.Action.ValueType:
    return cast("journey_pb2.Action.ValueType", action.value)


def _to_timestamp(at: Micros) -> Timestamp:
    seconds, micros = divmod(at, SECOND)
    return Timestamp(seconds=seconds, nanos=micros * 1000)
