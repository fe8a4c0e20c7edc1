"""What is shown: verdicts, journeys and scores; and what journeys are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

from footfall.journey.v1 import journey_pb2
from footfall.journey.v1 import tracking_pb2 as pb
from services.journey.journeys.rules.calls import called_for
from services.journey.journeys.rules.events import Result, Tracked, Verdict, explanation
from services.journey.journeys.rules.journey import (
    Journey,
    Standpoint,
    Stored,
    Where,
    lasted,
)
from services.journey.journeys.rules.visits import Visit
from services.journey.journeys.rules.vocabulary import SECOND, Action, Micros, Stage
from services.journey.journeys.wire.moments import from_as_of, from_datetime, to_timestamp
from services.journey.standings.wire import to_risk_finding

_MESSAGE_BYTES = 3 * 1024 * 1024  # clients take 4 MiB unless they say otherwise
_START = (0, str(UUID(int=0)))

Position = tuple[Micros, Micros, str]
"""As of when, and the place of the last event that was shown."""


def to_track_journey_event(tracked: Tracked, *, sent_id: str) -> pb.TrackJourneyEventResponse:
    """What became of an event."""
    return pb.TrackJourneyEventResponse(
        event_id=tracked.event_id,
        verdict=_verdict(tracked.verdict),
        current_stage=to_stage(tracked.stage),
        unusual=tracked.unusual,
        retry_recognisable=bool(sent_id),
    )


def to_track_journey_events(results: Sequence[Result]) -> pb.TrackJourneyEventsResponse:
    """What became of each event of a batch."""
    verdicts = [one.verdict for one in results]
    return pb.TrackJourneyEventsResponse(
        results=map(_event_result, results),
        accepted=verdicts.count(Verdict.ACCEPTED),
        duplicate=verdicts.count(Verdict.DUPLICATE),
        conflict=verdicts.count(Verdict.CONFLICT),
        rejected=verdicts.count(Verdict.REJECTED),
    )


def from_get_client_journey(
    request: pb.GetClientJourneyRequest, position: Sequence[int | str] | None, asked_at: datetime
) -> Where:
    """Which part of a journey is asked for; all pages are as of the time of the first."""
    now = from_datetime(asked_at)
    as_of = from_as_of(request, now)
    if position is None:
        return Where(request.client_id, now, as_of, _START)
    pinned, at, event_id = position
    return Where(request.client_id, now, int(pinned), (int(at), str(event_id)))


def to_get_client_journey(
    journey: Journey,
) -> tuple[pb.GetClientJourneyResponse, Position | None]:
    """A journey, and where the next page of its events goes on, if there is one."""
    here = journey.standpoint
    events, all_fit = _fitting(journey.events, here.client_id, journey.unusual)
    response = pb.GetClientJourneyResponse(
        events=events,
        current_stage=to_stage(here.standing.stage),
        stage_since=to_timestamp(here.standing.stage_since),
        stages=[_visit(one, here.as_of) for one in journey.visits],
        time_in_stages=[
            pb.StageTime(stage=to_stage(one.stage), seconds=one.micros / SECOND, visits=one.visits)
            for one in journey.times
        ],
        score=here.score.score,
        score_details=to_score(here),
        total_events=here.standing.facts.events,
        as_of=to_timestamp(here.as_of),
    )
    if all_fit and not journey.more:
        return response, None
    return response, (here.as_of, *journey.events[len(events) - 1].happening.key)


def to_calculate_journey_score(here: Standpoint) -> pb.CalculateJourneyScoreResponse:
    """A score, and what the rules recommend for it."""
    score = to_score(here)
    return pb.CalculateJourneyScoreResponse(
        score=score.score,
        risk_level=score.risk_level,
        risks=score.risks,
        contributions=score.contributions,
        recommended_actions=[
            to_action(one.action)
            for one in called_for(here.score, here.settings)
            if here.settings.actions[one.action].enabled
        ],
        score_details=score,
    )


def to_score(here: Standpoint) -> journey_pb2.Score:
    """A score with all that it is made of."""
    score = here.score
    return journey_pb2.Score(
        client_id=here.client_id,
        score=score.score,
        contributions=[
            journey_pb2.Contribution(factor=one.factor, points=one.points, reason=one.reason)
            for one in score.contributions
        ],
        risk_level=cast("journey_pb2.RiskLevel.ValueType", score.level.value),
        risks=map(to_risk_finding, score.findings),
        stage=to_stage(score.stage),
        as_of=to_timestamp(here.as_of),
        settings_version=here.settings.version,
        signals_available=here.standing.signals is not None,
    )


def to_stage(stage: Stage | None) -> journey_pb2.Stage.ValueType:
    """The stage as the contract numbers it; UNSPECIFIED for none."""
    return cast("journey_pb2.Stage.ValueType", 0 if stage is None else stage.value)


def to_action(action: Action) -> journey_pb2.Action.ValueType:
    """The action as the contract numbers it."""
    return cast("journey_pb2.Action.ValueType", action.value)


def _fitting(
    events: Iterable[Stored], client_id: str, unusual: set[UUID]
) -> tuple[list[journey_pb2.StoredJourneyEvent], bool]:
    """The first events as they are shown, as many as a message takes; whether that was all."""
    shown: list[journey_pb2.StoredJourneyEvent] = []
    room = _MESSAGE_BYTES
    for stored in events:
        one = _stored(stored, client_id, unusual)
        room -= one.ByteSize()
        if shown and room < 0:
            return shown, False
        shown.append(one)
    return shown, True


def _stored(stored: Stored, client_id: str, unusual: set[UUID]) -> journey_pb2.StoredJourneyEvent:
    happening = stored.happening
    event = journey_pb2.JourneyEvent(
        event_id=str(happening.event_id),
        client_id=client_id,
        stage=to_stage(happening.stage),
        event_type=happening.event_type,
        occurred_at=to_timestamp(happening.occurred_at),
    )
    if happening.metadata:
        event.metadata.update(happening.metadata)
    return journey_pb2.StoredJourneyEvent(
        event=event,
        received_at=to_timestamp(stored.received_at),
        source=cast("journey_pb2.EventSource.ValueType", stored.source.value),
        unusual=happening.event_id in unusual,
    )


def _visit(visit: Visit, as_of: Micros) -> journey_pb2.StageVisit:
    return journey_pb2.StageVisit(
        stage=to_stage(visit.stage),
        entered_at=to_timestamp(visit.entered_at),
        left_at=None if visit.left_at is None else to_timestamp(visit.left_at),
        seconds=lasted(visit, as_of) / SECOND,
        unusual=visit.unusual,
    )


def _event_result(result: Result) -> pb.EventResult:
    shown = pb.EventResult(event_id=result.event_id, verdict=_verdict(result.verdict))
    if result.error is not None:
        shown.reason, shown.message = result.error.reason, explanation(result.error)
    return shown


def _verdict(verdict: Verdict) -> pb.EventVerdict.ValueType:
    return cast("pb.EventVerdict.ValueType", verdict.value)
