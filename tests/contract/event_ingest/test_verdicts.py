"""What becomes of an event: every verdict, one by one and in batches.

Numbers in docstrings are those of the hardening checklist (docs/security.md).
"""

from __future__ import annotations

import time
import uuid

import grpc
import pytest

from footfall.events.v1 import event_ingest_pb2 as pb
from footfall.events.v1 import event_pb2
from tests.ingesting import Caller, Ingest, at, event, new_id, refusal
from tests.organisations import Organisation


def rows(ingest: Ingest, organisation: Organisation, table: str = "events") -> int:
    query = f"SELECT count(*) FROM app.{table} WHERE org_id = %s"
    return int(ingest.database.execute(query, organisation.org_id)[0][0])


def test_a_new_event_is_accepted_and_there(
    ingest: Ingest, acme: Organisation, backend: Caller
) -> None:
    sent = event(user_id="mia", feature="export")
    answer = backend.call("IngestEvent", pb.IngestEventRequest(event=sent))
    assert answer.verdict == pb.VERDICT_ACCEPTED
    assert answer.event_id == sent.event_id
    assert rows(ingest, acme) == 1


def test_the_same_event_again_is_a_duplicate(
    ingest: Ingest, acme: Organisation, backend: Caller
) -> None:
    sent = pb.IngestEventRequest(event=event(user_id="mia"))
    verdicts = [backend.call("IngestEvent", sent).verdict for _ in range(3)]
    assert verdicts == [pb.VERDICT_ACCEPTED, pb.VERDICT_DUPLICATE, pb.VERDICT_DUPLICATE]
    assert rows(ingest, acme) == 1


def test_an_id_in_capital_letters_is_the_same_id(backend: Caller) -> None:
    sent = event(user_id="mia")
    shouted = event_pb2.Event()
    shouted.CopyFrom(sent)
    shouted.event_id = sent.event_id.upper()
    assert backend.verdicts(sent, shouted) == ["ACCEPTED", "DUPLICATE"]


def test_a_duplicate_without_a_time_is_recognised(backend: Caller) -> None:
    """The server's own times are no content: the retry comes later and is the same event."""
    timeless = event(event_id=str(uuid.uuid4()), user_id="mia")
    assert backend.verdicts(timeless) == ["ACCEPTED"]
    assert backend.verdicts(timeless) == ["DUPLICATE"]


def test_the_same_id_with_other_content_is_a_conflict_and_the_first_stands(
    ingest: Ingest, acme: Organisation, backend: Caller
) -> None:
    """3."""
    first = event(user_id="mia")
    other = event(event_id=first.event_id, user_id="milo")
    backend.call("IngestEvent", pb.IngestEventRequest(event=first))
    with pytest.raises(grpc.RpcError) as failed:
        backend.call("IngestEvent", pb.IngestEventRequest(event=other))
    found = refusal(failed.value)
    assert found.code is grpc.StatusCode.ALREADY_EXISTS
    assert found.reason == "EVENT_CONFLICT"
    assert found.metadata["sent_hash"] != found.metadata["stored_hash"]
    (result,) = backend.ingest(other)
    assert (result.verdict, result.reason) == (pb.VERDICT_CONFLICT, "EVENT_CONFLICT")
    assert [one.user_id for one in backend.listed()] == ["mia"]
    assert rows(ingest, acme, "rejected_events") == 2


@pytest.mark.parametrize("version", [4, 7])
def test_the_same_id_with_another_time_is_a_conflict_and_one_row(
    ingest: Ingest, acme: Organisation, backend: Caller, version: int
) -> None:
    """5. Also across partitions."""
    one_id = new_id() if version == 7 else str(uuid.uuid4())
    times = (0.0, 86_400.0, 90 * 86_400.0)
    verdicts = [backend.verdicts(event(event_id=one_id, occurred_at=at(ago)))[0] for ago in times]
    assert verdicts == ["ACCEPTED", "CONFLICT", "CONFLICT"]
    assert rows(ingest, acme) == 1


def test_the_same_id_in_two_organisations_is_two_events(
    ingest: Ingest, acme: Organisation, globex: Organisation, backend: Caller
) -> None:
    """4."""
    sent = event(user_id="mia")
    assert backend.verdicts(sent) == ["ACCEPTED"]
    assert ingest.caller(globex).verdicts(sent) == ["ACCEPTED"]
    assert rows(ingest, acme) == rows(ingest, globex) == 1


def test_a_thousand_events_are_all_there_when_the_answer_is(
    ingest: Ingest, acme: Organisation, backend: Caller
) -> None:
    """1 and 2."""
    batch = [event(user_id=f"user-{number % 10}") for number in range(1000)]
    assert backend.verdicts(*batch) == ["ACCEPTED"] * 1000
    assert rows(ingest, acme) == 1000
    for _ in range(5):
        assert backend.verdicts(*batch) == ["DUPLICATE"] * 1000
    assert rows(ingest, acme) == 1000


def test_an_empty_batch_is_fine(backend: Caller) -> None:
    """8."""
    assert backend.ingest() == []


def test_more_than_a_thousand_events_are_refused_and_none_is_stored(
    ingest: Ingest, acme: Organisation, backend: Caller
) -> None:
    """9."""
    with pytest.raises(grpc.RpcError) as failed:
        backend.ingest(*[event() for _ in range(1001)])
    found = refusal(failed.value)
    assert found.code is grpc.StatusCode.INVALID_ARGUMENT
    assert found.violations == {"events": "at most 1000 events, not 1001"}
    assert rows(ingest, acme) == 0


def test_bad_events_do_not_sink_their_batch_and_can_be_mended(
    ingest: Ingest, acme: Organisation, backend: Caller
) -> None:
    """6 and 7."""
    batch = [event(user_id="mia") for _ in range(100)]
    batch[3].type = "feature_usde"
    batch[50].user_id = "x" * 200
    batch[99].properties_json = '{"a": NaN}'
    results = backend.ingest(*batch)
    refused = {index: one for index, one in enumerate(results) if one.verdict != 1}
    assert {index: one.reason for index, one in refused.items()} == {
        3: "UNKNOWN_EVENT_TYPE",
        50: "INVALID_FIELD",
        99: "INVALID_PROPERTIES",
    }
    assert "feature_used" in refused[3].message
    assert rows(ingest, acme) == 97
    kept = backend.call("ListRejectedEvents", pb.ListRejectedEventsRequest()).rejected_events
    assert {one.raw for one in kept} == {batch[i].SerializeToString() for i in (3, 50, 99)}
    batch[3].type = "feature_used"
    batch[50].user_id = "mia"
    batch[99].properties_json = '{"a": 1}'
    assert backend.verdicts(batch[3], batch[50], batch[99]) == ["ACCEPTED"] * 3
    assert rows(ingest, acme) == 100


def test_an_id_twice_in_a_batch_is_judged_by_its_first(backend: Caller) -> None:
    first = event(user_id="mia")
    other = event(event_id=first.event_id, user_id="milo")
    assert backend.verdicts(first, first, other) == ["ACCEPTED", "DUPLICATE", "CONFLICT"]
    assert backend.verdicts(other, first, event()) == ["CONFLICT", "DUPLICATE", "ACCEPTED"]


def test_an_event_without_an_id_gets_one(backend: Caller) -> None:
    (result,) = backend.ingest(event(event_id=""))
    assert uuid.UUID(result.event_id).version == 7
    assert [one.event_id for one in backend.listed()] == [result.event_id]


def test_counters_move_with_the_events_and_not_with_their_repetition(
    ingest: Ingest, acme: Organisation, backend: Caller
) -> None:
    batch = [event(user_id="mia", feature="f") for _ in range(20)]
    for _ in range(3):
        backend.ingest(*batch)
    for event_ in batch[:5]:
        backend.call("IngestEvent", pb.IngestEventRequest(event=event_))
    counted = "SELECT sum(events)::int FROM app.{} WHERE org_id = %s"
    for table in ("event_hourly", "user_day"):
        assert ingest.database.execute(counted.format(table), acme.org_id) == [(20,)]


def test_members_write_as_themselves_and_read_their_own(
    ingest: Ingest, acme: Organisation, backend: Caller
) -> None:
    mia, milo = ingest.caller(acme, "mia"), ingest.caller(acme, "milo")
    assert mia.verdicts(event(), event(user_id="mia")) == ["ACCEPTED", "ACCEPTED"]
    (refused,) = mia.ingest(event(user_id="milo"))
    assert refused.verdict == pb.VERDICT_REJECTED
    assert "writes as itself" in refused.message
    assert {one.user_id for one in mia.listed()} == {"mia"}
    assert milo.listed() == []
    assert milo.listed(user_id="mia") == []
    assert len(backend.listed()) == 2


def test_an_id_that_another_member_has_sent_is_a_conflict(
    ingest: Ingest, acme: Organisation, backend: Caller
) -> None:
    """Though neither said a user: who sends it is what the event says. A retry is a duplicate."""
    mia, milo = ingest.caller(acme, "mia"), ingest.caller(acme, "milo")
    sent = event()
    assert mia.verdicts(sent) == ["ACCEPTED"]
    assert mia.verdicts(sent) == ["DUPLICATE"]
    assert milo.verdicts(sent) == ["CONFLICT"]
    assert backend.verdicts(sent) == ["CONFLICT"]
    assert {one.user_id for one in backend.listed()} == {"mia"}


def test_a_replay_judges_by_what_the_sender_might_do(
    ingest: Ingest, acme: Organisation, backend: Caller
) -> None:
    """Else an administrator's replay would store what a member may not send."""
    ingest.caller(acme, "mia").ingest(event(user_id="milo"))
    asked = pb.ReplayRejectedEventsRequest(reason="INVALID_FIELD")
    (tried,) = backend.call("ReplayRejectedEvents", asked).results
    assert tried.result.verdict == pb.VERDICT_REJECTED
    assert backend.listed() == []


def test_a_refused_event_is_replayed_once_its_cause_is_mended(
    ingest: Ingest, acme: Organisation, backend: Caller
) -> None:
    ancient = event(event_id="", occurred_at=at(400 * 86_400))
    (refused,) = backend.ingest(ancient)
    assert refused.reason == "EVENT_TOO_OLD"
    acme.set("retention_days", None)
    asked = pb.ReplayRejectedEventsRequest(reason="EVENT_TOO_OLD")
    deadline = time.monotonic() + 12  # the organisation's setting holds within five seconds
    results = backend.call("ReplayRejectedEvents", asked).results
    while results[0].result.verdict != pb.VERDICT_ACCEPTED and time.monotonic() < deadline:
        time.sleep(0.1)
        results = backend.call("ReplayRejectedEvents", asked).results
    assert [one.result.verdict for one in results] == [pb.VERDICT_ACCEPTED]
    assert rows(ingest, acme, "rejected_events") == 0
    assert rows(ingest, acme) == 1
