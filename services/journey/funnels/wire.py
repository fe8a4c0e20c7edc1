"""Funnels and predictions between the wire and values."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from footfall.journey.v1 import funnel_pb2 as pb
from services.journey.funnels.rules.funnel import Funnel, FunnelQuestion, Move, Step
from services.journey.funnels.rules.prediction import (
    Duration,
    Foretold,
    NextStage,
    StageQuestion,
)
from services.journey.journeys.rules.vocabulary import Micros
from services.journey.journeys.wire import (
    from_as_of,
    from_datetime,
    from_timestamp,
    to_stage,
    to_timestamp,
)
from shared.errors import InvalidField

_USUAL_HORIZON_DAYS = 30


def from_get_stage_funnel(request: pb.GetStageFunnelRequest, received: datetime) -> FunnelQuestion:
    """Whom to follow. Raises InvalidField."""
    sent, now = request.interval, from_datetime(received)
    return FunnelQuestion(
        _bound(sent.start_time, "start_time") if sent.HasField("start_time") else None,
        _bound(sent.end_time, "end_time") if sent.HasField("end_time") else None,
        request.segment,
        now,
        from_as_of(request, now),
    )


def to_get_stage_funnel(funnel: Funnel) -> pb.GetStageFunnelResponse:
    """The funnel."""
    return pb.GetStageFunnelResponse(
        stages=map(_to_step, funnel.steps),
        transitions=map(_to_move, funnel.moves),
        as_of=to_timestamp(funnel.as_of),
        complete=funnel.complete,
    )


def from_predict_stage(request: pb.PredictStageRequest, received: datetime) -> StageQuestion:
    """Whose next stage is asked for. Raises InvalidField."""
    now = from_datetime(received)
    return StageQuestion(
        request.client_id,
        request.horizon_days or _USUAL_HORIZON_DAYS,
        now,
        from_as_of(request, now),
    )


def to_predict_stage(foretold: Foretold) -> pb.PredictStageResponse:
    """Where the client goes."""
    prediction = foretold.prediction
    return pb.PredictStageResponse(
        current_stage=to_stage(foretold.stage),
        stage_since=to_timestamp(foretold.since),
        next_stages=map(_to_next_stage, prediction.next_stages),
        probability_within_horizon=prediction.within_horizon,
        time_to_next=_to_duration(prediction.time_to_next),
        sample_visits=prediction.sample_visits,
        history_weight=prediction.history_weight,
        insufficient_data=prediction.insufficient,
        as_of=to_timestamp(foretold.as_of),
    )


def _to_step(step: Step) -> pb.FunnelStage:
    return pb.FunnelStage(
        stage=to_stage(step.stage),
        entered=step.entered,
        converted=step.converted,
        conversion=step.conversion,
        median_seconds_to_convert=step.median_seconds,
        here_now=step.here_now,
        lost=step.lost,
    )


def _to_move(move: Move) -> pb.StageTransition:
    return pb.StageTransition(
        from_stage=to_stage(move.from_stage),
        to_stage=to_stage(move.to_stage),
        count=move.count,
        share=move.share,
        median_seconds=move.median_seconds,
    )


def _to_next_stage(one: NextStage) -> pb.NextStage:
    return pb.NextStage(
        stage=to_stage(one.stage),
        probability=one.probability,
        lower=one.lower,
        upper=one.upper,
        probability_within_horizon=one.within_horizon,
    )


def _to_duration(time: Duration | None) -> pb.StageDuration | None:
    if time is None:
        return None
    return pb.StageDuration(
        median_seconds=time.median, lower_seconds=time.lower, upper_seconds=time.upper
    )


def _bound(sent: Timestamp, name: str) -> Micros:
    at = from_timestamp(sent)
    if at is None:
        raise InvalidField.of(f"interval.{name}", "must be a valid time of the years 1 to 9999")
    return at
