"""Recommendations on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import cast
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from footfall.journey.v1 import actions_pb2 as pb
from footfall.journey.v1 import journey_pb2
from services.journey.actions.rules.advice import Advice, Recommendation
from services.journey.actions.rules.decision import PURPOSE, packed
from services.journey.actions.rules.eligibility import Withheld
from services.journey.actions.rules.known import Question
from services.journey.journeys.rules.vocabulary import SECOND, Finding, Micros, Priority
from services.journey.journeys.wire import from_as_of, from_datetime
from shared.rpc.page_token import PageTokens

_RECOMMENDATIONS = 3


def from_get_next_best_action(request: pb.GetNextBestActionRequest, received: datetime) -> Question:
    """What is asked. Raises InvalidField."""
    now = from_datetime(received)
    most = request.max_results or _RECOMMENDATIONS
    return Question(request.client_id, now, from_as_of(request, now), most)


def to_get_next_best_action(
    advice: Advice, org_id: UUID, tokens: PageTokens
) -> pb.GetNextBestActionResponse:
    """The answer, with what was decided signed.

    Its parts are filled where they stand: to make each and then copy it in takes twice the time.
    """
    signals, scored, decision = advice.signals, advice.score, advice.decision
    answer = pb.GetNextBestActionResponse(
        score=scored.score,
        risk_level=cast("journey_pb2.RiskLevel.ValueType", scored.level),
        stage=cast("journey_pb2.Stage.ValueType", scored.stage),
        signals_available=signals is not None,
        signals_age_seconds=None if signals is None else signals.seconds,
        signals_stale=signals is not None and signals.stale,
        decision_token=""
        if decision is None
        else tokens.seal_for(PURPOSE, org_id, packed(decision)),
        settings_version=advice.settings_version,
        policy_version=advice.policy_version,
        held_out=advice.held_out,
    )
    _fill_time(answer.as_of, advice.as_of)
    _fill_time(answer.expires_at, advice.expires_at)
    for finding in scored.findings:
        _fill_finding(answer.risks.add(), finding)
    for held in advice.withheld:
        _fill_withheld(answer.withheld.add(), held)
    for place, one in enumerate(advice.recommended):
        message = answer.alternatives.add() if place else answer.action
        _fill_recommendation(message, one, advice.priority, place + 1)
    return answer


def _fill_recommendation(
    message: pb.Recommendation, one: Recommendation, priority: Priority, rank: int
) -> None:
    ranked = one.ranked
    called, effect = ranked.called, ranked.effect
    message.action = cast("journey_pb2.Action.ValueType", called.action)
    message.priority = cast("journey_pb2.Priority.ValueType", priority)
    message.reason = one.reason
    message.evidence.extend(one.evidence)
    message.risks.extend(cast("journey_pb2.Risk.ValueType", each.risk) for each in called.findings)
    message.called_for_by_stage = called.by_stage
    message.channel = cast("journey_pb2.Channel.ValueType", one.channel)
    message.rank = rank
    message.propensity = ranked.propensity
    expected = message.expected_effect
    expected.mean, expected.outcomes = effect.mean, effect.outcomes
    expected.lower, expected.upper = effect.lower, effect.upper


def _fill_finding(message: journey_pb2.RiskFinding, finding: Finding) -> None:
    message.risk = cast("journey_pb2.Risk.ValueType", finding.risk)
    message.evidence = finding.evidence
    message.clears_when = finding.clears_when
    numbers = message.numbers
    for name, number in finding.numbers.items():
        numbers[name] = number
    if finding.since is not None:
        _fill_time(message.since, finding.since)


def _fill_withheld(message: pb.WithheldAction, held: Withheld) -> None:
    message.action = cast("journey_pb2.Action.ValueType", held.action)
    message.reason = cast("pb.WithheldReason.ValueType", held.reason)
    if held.until is not None:
        _fill_time(message.until, held.until)


def _fill_time(message: Timestamp, at: Micros) -> None:
    message.seconds, micros = divmod(at, SECOND)
    message.nanos = micros * 1000
