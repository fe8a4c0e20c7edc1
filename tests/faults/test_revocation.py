"""What is taken away is gone within half a minute, by the real clock of a real service."""

from __future__ import annotations

import time

import grpc
import pytest

from footfall.events.v1 import event_ingest_pb2 as pb
from footfall.events.v1 import event_pb2
from tests.ingesting import Caller, event, refusal, running_ingest
from tests.organisations import add_organisation
from tests.postgres import Template

CI_CYCLES = 3
PROMISED_SECONDS = 35.0


def reason(caller: Caller, method: str, request: object) -> str:
    """Why it was refused, empty if it was not."""
    try:
        caller.call(method, request)
    except grpc.RpcError as error:
        return refusal(error).reason
    return ""


def test_a_revoked_key_and_a_lost_role_end_within_half_a_minute(
    template: Template, cycles: int
) -> None:
    """38."""
    if cycles <= CI_CYCLES:
        pytest.skip("takes half a minute; tests/security/test_callers.py does it with a held clock")
    with template.clone() as database, running_ingest(database) as ingest:
        acme = add_organisation(database)
        backend, adam = ingest.caller(acme), ingest.caller(acme, "adam")
        calls: tuple[tuple[Caller, str, object, str], ...] = (
            (backend, "IngestEvent", _sent(), "CREDENTIAL_REFUSED"),
            (adam, "ReplayRejectedEvents", pb.ReplayRejectedEventsRequest(reason="X"),
             "ROLE_NOT_PERMITTED"),
        )  # fmt: skip
        assert [reason(*call[:3]) for call in calls] == ["", ""]
        acme.database.execute("UPDATE app.api_keys SET revoked_at = now() WHERE role = 'service'")
        acme.database.execute("UPDATE app.members SET role = 'member' WHERE subject = 'adam'")
        began = time.monotonic()
        while [reason(*call[:3]) for call in calls] != [call[3] for call in calls]:
            assert time.monotonic() - began < PROMISED_SECONDS
            time.sleep(0.5)


def _sent() -> pb.IngestEventRequest:
    sent: event_pb2.Event = event()
    return pb.IngestEventRequest(event=sent)
