"""What came of actions, told and reported through the public contract."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from footfall.journey.v1 import actions_pb2 as pb
from footfall.journey.v1 import journey_pb2 as words
from services.journey.actions.rules.decision import PURPOSE, Decision, unpacked
from shared.rpc.page_token import PageTokens, load_token_key
from tests.journeying import Traveller
from tests.organisations import Organisation
from tests.travels import DAY, make, track, troubles

EMAIL, MEETING = words.ACTION_EMAIL_OUTREACH, words.ACTION_SCHEDULE_MEETING
VOICE, PERSON = words.ACTION_SEND_VOICE_MESSAGE, words.ACTION_CONCIERGE_PERSONAL_INTERVENTION
PACK = words.ACTION_OFFER_CREDIT_PACK
ACCEPTED, IGNORED = pb.OUTCOME_ACCEPTED, pb.OUTCOME_IGNORED
SUCCEEDED, FAILED = pb.OUTCOME_SUCCEEDED, pb.OUTCOME_FAILED

_WAIT_SECONDS = 30.0


def worried(caller: Traveller, *client_ids: str, **client: Any) -> None:
    """Clients for whom the rules say e-mail, then a voice message, in one tier."""
    make(caller, *client_ids, **client)
    for client_id in client_ids:
        track(caller, *troubles(client_id, 2))


def advised(caller: Traveller, client_id: str) -> pb.GetNextBestActionResponse:
    """What is to be done for a client, all of it."""
    request = pb.GetNextBestActionRequest(client_id=client_id, max_results=25)
    answer: pb.GetNextBestActionResponse = caller.call("GetNextBestAction", request)
    return answer


def order(answer: pb.GetNextBestActionResponse) -> list[words.Action.ValueType]:
    """The actions that are recommended, the best first."""
    return [one.action for one in (answer.action, *answer.alternatives)]


def ago(days: float) -> Timestamp:
    moment = Timestamp()
    moment.FromMicroseconds(int((time.time() - days * DAY) * 1_000_000))
    return moment


def record(
    caller: Traveller,
    client_id: str,
    action: words.Action.ValueType,
    outcome: pb.Outcome.ValueType,
    token: str = "",
    **fields: Any,
) -> pb.RecordActionOutcomeResponse:
    """Tell what came of an action."""
    request = pb.RecordActionOutcomeRequest(
        client_id=client_id, action=action, outcome=outcome, decision_token=token, **fields
    )
    answer: pb.RecordActionOutcomeResponse = caller.call("RecordActionOutcome", request)
    return answer


def report(caller: Traveller, days: int = 0) -> pb.GetActionReportResponse:
    request = pb.GetActionReportRequest(days=days)
    answer: pb.GetActionReportResponse = caller.call("GetActionReport", request)
    return answer


def numbers(caller: Traveller) -> dict[words.Action.ValueType, tuple[int, int, int, int]]:
    """Accepted, ignored, succeeded and failed, by action."""
    return {
        one.action: (one.accepted, one.ignored, one.succeeded, one.failed)
        for one in report(caller).actions
    }


def reported(
    caller: Traveller, there: Callable[[pb.GetActionReportResponse], bool]
) -> pb.GetActionReportResponse:
    """The report once it is so."""
    end = time.monotonic() + _WAIT_SECONDS
    while not there(found := report(caller)):
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found


def tokens_of(organisation: Organisation) -> PageTokens:
    """What signs and opens tokens like the service."""
    return PageTokens(load_token_key(None, organisation.database.data_dir.secrets))


def decision_of(organisation: Organisation, token: str) -> Decision:
    """What a decision token says."""
    return unpacked(tokens_of(organisation).open_for(PURPOSE, organisation.org_id, token))
