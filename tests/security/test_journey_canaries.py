"""R40 at journey: what is said of clients is in no answer, number or log line of anybody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from footfall.journey.v1 import actions_pb2, clients_pb2, funnel_pb2, settings_pb2, tracking_pb2
from footfall.journey.v1 import journey_pb2 as j
from tests.journeying import Journey, Traveller
from tests.organisations import Organisation
from tests.security.test_canaries import Canaries


def clients(word: Canaries) -> Iterator[clients_pb2.Client]:
    """Kept, and refused in every way that could quote them."""
    yield clients_pb2.Client(
        client_id=word(), name=word(), email=word(), status=word(), owner=word(), segment=word(),
        tags=[word()],
    )  # fmt: skip
    yield clients_pb2.Client(client_id=word(), time_zone=word())
    yield clients_pb2.Client(client_id=word() * 9)
    yield clients_pb2.Client(client_id=word(), name=f"{word()}\0")
    yield clients_pb2.Client(client_id=word(), etag=word())
    yield clients_pb2.Client(client_id=word(), tags=[word()] * 2, ai_score=200)


def events(word: Canaries, client_id: str) -> Iterator[j.JourneyEvent]:
    """Likewise."""

    def event(**fields: Any) -> j.JourneyEvent:
        said = fields.pop("metadata", {word(): word()})
        made = j.JourneyEvent(**{"client_id": client_id, "stage": j.STAGE_LEAD, **fields})
        made.metadata.update(said)
        return made

    yield event(event_type=word())
    yield event(event_type="invoice_overdue", metadata={"invoice_id": word()})
    yield event(event_type="support_ticket_opened", metadata={"ticket_id": word()})
    yield event(event_type=f"{word()} Loud!")
    yield event(event_type=word(), event_id=word())
    yield event(event_type=word(), client_id=word())
    yield event(event_type=word(), metadata={word(): f"{word()}\0"})
    yield event(event_type=word(), metadata={word(): word() * 1000})


def requests(word: Canaries) -> Iterator[tuple[str, Any]]:
    """Calls that quote something of the caller's, right and wrong."""
    known = word()
    upsert = clients_pb2.UpsertClientRequest(client=clients_pb2.Client(client_id=known))
    yield "UpsertClient", upsert
    for client in clients(word):
        yield "UpsertClient", clients_pb2.UpsertClientRequest(client=client)
    for sent in events(word, known):
        yield "TrackJourneyEvent", tracking_pb2.TrackJourneyEventRequest(event=sent)
    batch = tracking_pb2.TrackJourneyEventsRequest(events=list(events(word, known)))
    yield "TrackJourneyEvents", batch
    outcome = actions_pb2.RecordActionOutcomeRequest(
        client_id=known, action=j.ACTION_EMAIL_OUTREACH, outcome=actions_pb2.OUTCOME_FAILED
    )
    for note, token in ((word(), ""), ("", word()), (f"{word()}\0", "")):
        one = actions_pb2.RecordActionOutcomeRequest(note=note, decision_token=token)
        one.MergeFrom(outcome)
        yield "RecordActionOutcome", one
    for client_id in (known, word(), f"{word()}\0"):
        yield "GetClient", clients_pb2.GetClientRequest(client_id=client_id)
        yield "GetClientJourney", tracking_pb2.GetClientJourneyRequest(client_id=client_id)
        yield "GetNextBestAction", actions_pb2.GetNextBestActionRequest(client_id=client_id)
        yield "PredictStage", funnel_pb2.PredictStageRequest(client_id=client_id)
    score = tracking_pb2.CalculateJourneyScoreRequest(client_id=known)
    yield "CalculateJourneyScore", score
    yield "ListClients", clients_pb2.ListClientsRequest(owner=word(), tag=word())
    yield "ListClients", clients_pb2.ListClientsRequest(page_token=word())
    yield "ListHighRiskClients", clients_pb2.ListHighRiskClientsRequest(owner=word())
    yield "GetStageFunnel", funnel_pb2.GetStageFunnelRequest(segment=word())
    change = settings_pb2.UpdateJourneySettingsRequest()
    change.settings.etag = word()
    change.settings.actions.add(
        action=j.ACTION_EMAIL_OUTREACH, channel=j.CHANNEL_EMAIL, reason=f"{word()} {{{word()}}}"
    )
    yield "UpdateJourneySettings", change
    yield "DeleteClient", clients_pb2.DeleteClientRequest(client_id=word())


def whatever_is_there() -> Iterator[tuple[str, Any]]:
    yield "ListClients", clients_pb2.ListClientsRequest()
    low = j.RISK_LEVEL_LOW
    yield "ListHighRiskClients", clients_pb2.ListHighRiskClientsRequest(min_risk_level=low)
    yield "ListUpsellCandidates", clients_pb2.ListUpsellCandidatesRequest()
    yield "GetStageFunnel", funnel_pb2.GetStageFunnelRequest()
    yield "GetActionReport", actions_pb2.GetActionReportRequest()
    yield "GetJourneySettings", settings_pb2.GetJourneySettingsRequest()


def heard(caller: Traveller, method: str, request: Any) -> str:
    """All that comes back: the message, or the error with its trailers."""
    try:
        return str(caller.call(method, request))
    except grpc.RpcError as error:
        failed: Any = error
        return f"{failed.code()} {failed.details()} {failed.trailing_metadata()}"


@pytest.fixture
def word(journey: Journey, acme: Organisation) -> Canaries:
    """All that Acme can say of its clients, said, by every role."""
    word = Canaries()
    for subject in ("backend", "mia", "adam"):
        caller = journey.traveller(acme, subject)
        word.all.append(caller.metadata[0][1].removeprefix("Bearer "))
        for method, request in requests(word):
            heard(caller, method, request)
    return word


def test_no_answer_number_or_log_line_holds_what_a_neighbour_said_of_clients(
    journey: Journey, globex: Organisation, word: Canaries
) -> None:
    assert len(word.all) > 150
    own = Canaries()
    for subject in ("backend", "mia", "olga"):
        stranger = journey.traveller(globex, subject)
        for method, request in (*requests(own), *whatever_is_there()):
            assert word.found_in(heard(stranger, method, request)) == [], method
    assert word.found_in(repr(journey.numbers())) == []
    log = journey.log.read_text()
    assert word.found_in(log) == own.found_in(log) == []
    assert str(globex.org_id) in log
    assert "INTERNAL" not in log
