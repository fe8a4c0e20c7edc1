"""Who is busy with one client of its own leaves the others theirs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from footfall.journey.v1 import actions_pb2, journey_pb2, tracking_pb2
from tests.journeying import Journey, Traveller
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase
from tests.tracking import upsert

CALLS = 40
"""Several times the connections of the service."""


def track(caller: Traveller) -> tracking_pb2.TrackJourneyEventResponse:
    event = journey_pb2.JourneyEvent(
        event_id=str(uuid4()), client_id="nils", event_type="call", stage=journey_pb2.STAGE_LEAD
    )
    request = tracking_pb2.TrackJourneyEventRequest(event=event)
    answer: tracking_pb2.TrackJourneyEventResponse = caller.call("TrackJourneyEvent", request)
    return answer


def test_writers_of_one_client_stand_in_line_and_nobody_else_waits(
    shared_database: MigratedDatabase, journey: Journey, acme: Organisation, globex: Organisation
) -> None:
    busy, neighbour = journey.traveller(acme), journey.traveller(globex)
    upsert(busy, "nils")
    upsert(busy, "nora")
    upsert(neighbour, "nils")
    asked = actions_pb2.GetNextBestActionRequest(client_id="nils")
    with ThreadPoolExecutor(CALLS) as pool, shared_database.connect() as holder:
        with holder.transaction():
            holder.execute(
                "SELECT FROM app.client_states WHERE org_id = %s AND client_id = 'nils' FOR UPDATE",
                (acme.org_id,),
            )
            writing = [pool.submit(track, busy) for _ in range(CALLS)]
            for _ in range(5):
                assert neighbour.call("GetNextBestAction", asked).HasField("action")
            upsert(busy, "nora", name="Nora")
        accepted = [one.result().verdict for one in writing]
    assert accepted == [tracking_pb2.EVENT_VERDICT_ACCEPTED] * CALLS
