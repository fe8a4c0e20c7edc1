"""An organisation that has something of everything which has an id, and those ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

from footfall.events.v1 import event_ingest_pb2 as pb
from services.event_ingest.sessions.usecases import fold
from shared.database import Database
from tests.ingesting import Caller, Ingest, at, event
from tests.organisations import Organisation
from tests.registering import create


@dataclass(frozen=True)
class Known:
    """Ids that exist, by the name of the field in which they are sent."""

    caller: Caller
    ids: Mapping[str, str]


async def populate(ingest: Ingest, organisation: Organisation) -> Known:
    """Two of each at least, so that every list has a second page."""
    caller, type_name, request_id = ingest.caller(organisation), _name(), str(uuid4())
    create(caller, type_name, request_id)
    create(caller, _name())
    sent = [
        event(user_id=user, session_id=f"tab-{user}", client_id="phone-7", occurred_at=at(60))
        for user in ("zoe-4711", "zack")
    ]
    assert set(caller.verdicts(*sent)) == {"ACCEPTED"}
    caller.ingest(event("nope"), event("nope"))
    await fold_all(organisation)
    session = caller.call("ListSessions", pb.ListSessionsRequest(user_id="zoe-4711")).sessions[0]
    rejected = caller.call("ListRejectedEvents", pb.ListRejectedEventsRequest()).rejected_events
    ids = {
        "event_id": sent[0].event_id,
        "user_id": "zoe-4711",
        "session_id": "tab-zoe-4711",
        "client_id": "phone-7",
        "session_key": session.session_key,
        "rejection_ids": rejected[0].rejection_id,
        "request_id": request_id,
        "name": type_name,
    }
    return Known(caller, ids)


def unknown_ids() -> Mapping[str, str]:
    """The same fields, filled with what nobody has."""
    uuids = ("event_id", "session_key", "rejection_ids", "request_id")
    texts = ("user_id", "session_id", "client_id", "name")
    return {**{one: str(uuid4()) for one in uuids}, **{one: _name() for one in texts}}


def _name() -> str:
    return f"n{uuid4().hex[:12]}"


async def fold_all(organisation: Organisation) -> None:
    """What the worker does, at once."""
    url = organisation.database.urls["footfall_event_ingest"]
    database = Database(url, application_name="test")
    await database.open()
    while await fold(database, organisation.org_id):
        pass
    await database.close()
