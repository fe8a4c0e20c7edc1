"""Settings of journeys: read, changed, refused."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from footfall.journey.v1 import journey_pb2 as words
from footfall.journey.v1 import settings_pb2 as pb
from tests.ingesting import Refused, refusal
from tests.journeying import Traveller


def current(traveller: Traveller, version: int = 0) -> pb.JourneySettings:
    request = pb.GetJourneySettingsRequest(version=version)
    settings: pb.JourneySettings = traveller.call("GetJourneySettings", request).settings
    return settings


def send(
    traveller: Traveller, settings: pb.JourneySettings, request_id: str = ""
) -> pb.JourneySettings:
    request = pb.UpdateJourneySettingsRequest(request_id=request_id, settings=settings)
    made: pb.JourneySettings = traveller.call("UpdateJourneySettings", request).settings
    return made


def update(traveller: Traveller, request_id: str = "", **fields: Any) -> pb.JourneySettings:
    return send(traveller, pb.JourneySettings(**fields), request_id)


def refused(act: Any, *arguments: Any, **fields: Any) -> Refused:
    with pytest.raises(grpc.RpcError) as failure:
        act(*arguments, **fields)
    return refusal(failure.value)


def without(settings: pb.JourneySettings, *names: str) -> pb.JourneySettings:
    copy = pb.JourneySettings()
    copy.CopyFrom(settings)
    for name in names:
        copy.ClearField(name)  # type: ignore[arg-type]
    return copy


def level(name: str, min_risks: int, priority: str = "LOW") -> pb.LevelRule:
    return pb.LevelRule(
        level=words.RiskLevel.Value(f"RISK_LEVEL_{name}"),
        min_risks=min_risks,
        priority=words.Priority.Value(f"PRIORITY_{priority}"),
    )


def mail(reason: str) -> dict[str, Any]:
    rule = pb.ActionRule(
        action=words.ACTION_EMAIL_OUTREACH,
        enabled=True,
        channel=words.CHANNEL_EMAIL,
        reason=reason,
    )
    return {"actions": [rule]}


def cap(channel: words.Channel.ValueType, times: int, days: int) -> pb.ContactCap:
    return pb.ContactCap(channel=channel, max_contacts=times, days=days)


def threshold(name: str, number: int) -> tuple[str, dict[str, Any]]:
    """One that is out of bounds, after the field that is named for it."""
    return f"settings.thresholds.{name}", {"thresholds": {name: number}}
