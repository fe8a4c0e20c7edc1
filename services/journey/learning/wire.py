"""Outcomes and what is learnt from them, on the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from footfall.journey.v1 import actions_pb2 as pb
from footfall.journey.v1 import journey_pb2
from services.journey.actions.rules.decision import PURPOSE, Decision, UnknownForm, unpacked
from services.journey.journeys.rules.moments import from_micros, to_micros
from services.journey.journeys.rules.vocabulary import Action, Micros, Outcome
from services.journey.learning.rules.estimates import Estimate
from services.journey.learning.rules.outcomes import Recorded, Told
from services.journey.learning.rules.policy import Effect
from services.journey.learning.rules.report import Learnt, Numbers, OffPolicy, Report, Uplift
from shared.errors import InvalidField, InvalidPageToken
from shared.rpc.page_token import PageTokens

_DEFAULT_DAYS = 90


def from_record_action_outcome(
    request: pb.RecordActionOutcomeRequest, tokens: PageTokens, org_id: UUID, now: Micros
) -> Told:
    """What is told, done now when nobody says when."""
    token = request.decision_token
    return Told(
        request.client_id,
        Action(request.action),
        Outcome(request.outcome),
        from_moment(request.occurred_at) if request.HasField("occurred_at") else now,
        from_decision_token(token, tokens, org_id) if token else None,
        request.note,
    )


def from_decision_token(token: str, tokens: PageTokens, org_id: UUID) -> Decision:
    """The decision that GetNextBestAction told this organisation."""
    try:
        return unpacked(tokens.open_for(PURPOSE, org_id, token))
    except (InvalidPageToken, UnknownForm):
        told = "is damaged, or of another organisation; send it as GetNextBestAction returned it"
        raise InvalidField.of("decision_token", told) from None


def from_moment(moment: Timestamp) -> Micros:
    """When it was done."""
    try:
        return to_micros(moment.ToDatetime(UTC))
    except (ValueError, OverflowError):
        told = "must be a valid time of the years 1 to 9999"
        raise InvalidField.of("occurred_at", told) from None


def to_recorded(recorded: Recorded) -> pb.RecordActionOutcomeResponse:
    """What was kept."""
    response = pb.RecordActionOutcomeResponse(
        outcome_id=str(recorded.outcome_id), replaced=recorded.replaced
    )
    if recorded.cooldown_until is not None:
        response.cooldown_until.FromDatetime(from_micros(recorded.cooldown_until))
    return response


def from_get_action_report(request: pb.GetActionReportRequest) -> int:
    """Over how many days."""
    return request.days or _DEFAULT_DAYS


def to_report(report: Report, as_of: datetime) -> pb.GetActionReportResponse:
    """The report."""
    response = pb.GetActionReportResponse(
        actions=[to_numbers(action, numbers) for action, numbers in report.actions],
        held_out_share=report.held_out_share,
        learnt=[to_learnt(one) for one in report.learnt],
        learning=report.learning,
        policy_version=report.policy_version,
        missing_outcomes=report.missing_outcomes,
    )
    if report.uplift is not None:
        response.uplift.CopyFrom(to_uplift(report.uplift))
    if report.off_policy is not None:
        response.off_policy.CopyFrom(to_off_policy(report.off_policy))
    response.as_of.FromDatetime(as_of)
    return response


def to_numbers(action: Action, numbers: Numbers) -> pb.ActionNumbers:
    """The outcomes of an action."""
    return pb.ActionNumbers(
        action=journey_pb2.Action.ValueType(action),
        outcomes=numbers.outcomes,
        taken_up=to_estimate(numbers.taken_up),
        success=to_estimate(numbers.success),
        **numbers._asdict(),
    )


def to_uplift(uplift: Uplift) -> pb.Uplift:
    """What learning adds."""
    return pb.Uplift(
        learnt=to_estimate(uplift.learnt),
        held_out=to_estimate(uplift.held_out),
        difference=to_estimate(uplift.difference),
        conclusive=uplift.conclusive,
    )


def to_off_policy(check: OffPolicy) -> pb.OffPolicyCheck:
    """What the rules alone would have reached."""
    return pb.OffPolicyCheck(
        rules=to_estimate(check.rules),
        logged=to_estimate(check.logged),
        effective_n=check.effective_n,
    )


def to_learnt(one: Learnt) -> pb.LearntAction:
    """A belief."""
    return pb.LearntAction(
        segment=one.segment,
        action=journey_pb2.Action.ValueType(one.action),
        effect=to_effect(one.effect),
    )


def to_effect(effect: Effect) -> pb.ExpectedEffect:
    """What is to be expected of an action."""
    return pb.ExpectedEffect(**effect._asdict())


def to_estimate(estimate: Estimate) -> pb.Estimate:
    """A number with its interval."""
    return pb.Estimate(**estimate._asdict())
