"""The next best action, asked for through the public contract."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from footfall.journey.v1 import actions_pb2 as pb
from footfall.journey.v1 import journey_pb2 as words
from tests.journeying import Traveller
from tests.organisations import Organisation
from tests.travels import happening, make, track


def asked(
    caller: Traveller, client_id: str = "nils", **request: Any
) -> pb.GetNextBestActionResponse:
    """What is to be done for a client."""
    answer: pb.GetNextBestActionResponse = caller.call(
        "GetNextBestAction", pb.GetNextBestActionRequest(client_id=client_id, **request)
    )
    return answer


def all_of(
    caller: Traveller, client_id: str = "nils", **request: Any
) -> list[words.Action.ValueType]:
    """All actions that are recommended, the best first."""
    answer = asked(caller, client_id, max_results=25, **request)
    best = [answer.action] if answer.HasField("action") else []
    return [one.action for one in (*best, *answer.alternatives)]


def engaged(
    caller: Traveller, stage: int, client_id: str = "nils", **client: Any
) -> words.JourneyEvent:
    """A client without any risk, in this stage since the event."""
    make(caller, client_id, **client)
    events = [happening(client_id, "called", day, stage) for day in (12, 11, 10)]
    track(caller, *events)
    return events[0]


def signalled(
    organisation: Organisation, uses: int, p25: float | None, hours_ago: float, client: str = "nils"
) -> None:
    """Insight said this of a client so many hours ago."""
    organisation.database.execute(
        "INSERT INTO app.client_signals (org_id, client_id, feature_uses, feature_uses_p25,"
        " recent_events, previous_events, insight_types, measured_at)"
        " VALUES (%s, %s, %s, %s, 0, 0, '{}', now() - %s * interval '1 hour')",
        organisation.org_id,
        client,
        uses,
        p25,
        hours_ago,
    )


def at(moment: Any) -> datetime:
    """A timestamp of an answer."""
    found: datetime = moment.ToDatetime(UTC)
    return found
