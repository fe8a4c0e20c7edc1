"""Profiles on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from google.protobuf.timestamp_pb2 import Timestamp

from footfall.insights.v1 import profile_pb2 as pb
from footfall.insights.v1 import profile_requests_pb2 as requests
from footfall.insights.v1.signals_pb2 import GetClientSignalsRequest
from services.insight.profiles.rules import Page, Profile, Reason, Tally
from shared.errors import InvalidField

_SKEW = timedelta(minutes=1)  # clocks of callers differ from ours


def from_as_of(
    request: requests.GetBehaviourProfileRequest | GetClientSignalsRequest, now: datetime
) -> datetime:
    """The time that is asked about; now, when there is none."""
    if not request.HasField("as_of"):
        return now
    as_of = from_timestamp(request.as_of, "as_of")
    if as_of > now + _SKEW:
        raise InvalidField.of("as_of", "must not lie in the future")
    return as_of


def from_timestamp(moment: Timestamp, field: str) -> datetime:
    """A point in time that a caller sent."""
    try:
        return moment.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise InvalidField.of(field, "must be a valid time of the years 1 to 9999") from None


def to_timestamp(moment: datetime) -> Timestamp:
    """A point in time."""
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def from_place(place: Sequence[str] | None, now: datetime) -> tuple[str, datetime]:
    """The user after whom a list goes on, and the time for which its first page was made."""
    return (place[0], datetime.fromisoformat(place[1])) if place else ("", now)


def to_list_behaviour_profiles(
    page: Page,
) -> tuple[requests.ListBehaviourProfilesResponse, tuple[str, str] | None]:
    """A page of profiles, and where the next one goes on."""
    shown = [to_profile(one, page.as_of) for one in page.profiles]
    response = requests.ListBehaviourProfilesResponse(profiles=shown)
    if not page.more:
        return response, None
    return response, (shown[-1].user_id, page.as_of.isoformat())


def to_profile(profile: Profile, as_of: datetime) -> pb.BehaviourProfile:
    """A profile."""
    tally = profile.tally
    return pb.BehaviourProfile(
        user_id=tally.user_id,
        as_of=to_timestamp(as_of),
        scaling_score=profile.scaling_score,
        progression_rate=profile.progression_rate,
        credibility_trend=cast("pb.CredibilityTrend.ValueType", profile.credibility_trend.value),
        competencies=pb.Competencies(**profile.competencies._asdict()),
        totals=_to_totals(tally),
        last_activity_at=None if tally.last_at is None else to_timestamp(tally.last_at),
        days_since_last_activity=tally.newest_age,
        risk_factors=[_to_risk(one) for one in profile.risk_factors],
        next_actions=[_to_action(one) for one in profile.next_actions],
        sufficient=not profile.missing,
        missing=profile.missing,
    )


def _to_totals(tally: Tally) -> pb.ProfileTotals:
    return pb.ProfileTotals(
        events=tally.events,
        tool_sessions=tally.tool_sessions,
        exports=tally.exports,
        resources=tally.resources,
        milestones=tally.milestones,
        competency_points=tally.competency_points,
        high_impact=tally.high_impact,
        active_days=tally.active_days,
        offline_actions=tally.offline_actions,
    )


def _to_risk(risk: Reason) -> pb.RiskFactor:
    return pb.RiskFactor(name=risk.name, reason=risk.reason)


def _to_action(action: Reason) -> pb.NextAction:
    return pb.NextAction(action=action.name, reason=action.reason)
