"""Events as streams, in and out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, Self

import grpc
import pytest

from footfall.events.v1 import event_ingest_pb2 as pb
from footfall.events.v1 import event_pb2
from tests.ingesting import Caller, Ingest, event, refusal
from tests.organisations import Organisation


class Tail:
    """A tail that reads in a thread of its own; closed by leaving."""

    def __init__(self, caller: Caller, **request: Any) -> None:
        self.events: list[event_pb2.Event] = []
        self.token = ""
        self._stream = caller.events.TailEvents(
            pb.TailEventsRequest(**request), metadata=caller.metadata, timeout=30
        )
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            for message in self._stream:
                with self._changed:
                    self.events += [stored.event for stored in message.events]
                    self.token = message.resume_token
                    self._changed.notify_all()
        except grpc.RpcError:
            return

    def wait_for(self, count: int) -> list[str]:
        """The ids so far, once there are so many."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.token and len(self.events) >= count, 10)
            return [one.event_id for one in self.events]

    def __enter__(self) -> Self:
        self.wait_for(0)
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.cancel()


def test_batches_of_a_stream_are_acknowledged_in_order_after_their_commit(
    ingest: Ingest, acme: Organisation, backend: Caller
) -> None:
    sent = [[event(user_id="mia") for _ in range(20)] for _ in range(30)]
    sent[7][3].type = "nope"

    def batches() -> Iterator[pb.StreamEventsRequest]:
        for number, events in enumerate(sent):
            yield pb.StreamEventsRequest(batch_number=number * 10, events=events)

    answers = list(backend.events.StreamEvents(batches(), metadata=backend.metadata, timeout=30))
    assert [one.batch_number for one in answers] == [number * 10 for number in range(30)]
    refused = [result for one in answers for result in one.results if result.verdict != 1]
    assert [one.reason for one in refused] == ["UNKNOWN_EVENT_TYPE"]
    query = "SELECT count(*)::int FROM app.events WHERE org_id = %s"
    assert ingest.database.execute(query, acme.org_id) == [(599,)]


def test_a_batch_that_is_too_large_ends_the_stream_after_what_came_before(backend: Caller) -> None:
    def batches() -> Iterator[pb.StreamEventsRequest]:
        yield pb.StreamEventsRequest(batch_number=1, events=[event()])
        yield pb.StreamEventsRequest(batch_number=2, events=[event() for _ in range(1001)])

    answers = []
    stream = backend.events.StreamEvents(batches(), metadata=backend.metadata, timeout=30)
    answers.append(next(stream).batch_number)
    with pytest.raises(grpc.RpcError) as failed:
        next(stream)
    assert answers == [1]
    assert refusal(failed.value).code is grpc.StatusCode.INVALID_ARGUMENT


def test_a_tail_sends_what_is_committed_from_now_on(backend: Caller) -> None:
    backend.ingest(event())
    with Tail(backend) as tail:
        sent = [event() for _ in range(450)]
        backend.ingest(*sent)
        backend.call("IngestEvent", pb.IngestEventRequest(event=sent[0]))
        alone = event()
        backend.call("IngestEvent", pb.IngestEventRequest(event=alone))
        found = tail.wait_for(451)
    assert sorted(found[:-1]) == sorted(one.event_id for one in sent)
    assert found[-1] == alone.event_id


def test_a_tail_goes_on_where_it_ended_without_gap_or_repetition(backend: Caller) -> None:
    found: list[str] = []
    sent: list[str] = []
    token = ""
    for _ in range(5):
        with Tail(backend, resume_token=token) as tail:
            batch = [event() for _ in range(300)]
            backend.ingest(*batch)
            sent += [one.event_id for one in batch]
            # It is cut off somewhere in the middle.
            tail.wait_for(len(sent) - len(found) - 250)
            with tail._changed:
                token = tail.token
                found += [one.event_id for one in tail.events]
    with Tail(backend, resume_token=token) as tail:
        found += tail.wait_for(len(sent) - len(found))
    assert len(found) == len(set(found))
    assert sorted(found) == sorted(sent)


def test_a_token_of_a_tail_that_lags_expires_with_the_log_it_needs(
    acme: Organisation, backend: Caller
) -> None:
    with Tail(backend) as tail:
        start = tail.token
    backend.ingest(*(event() for _ in range(2)))
    acme.database.execute(
        "UPDATE app.event_log SET logged_at = logged_at - interval '73 hours' WHERE org_id = %s",
        acme.org_id,
    )
    with Tail(backend, resume_token=start) as tail:
        tail.wait_for(2)
        behind = tail.token
    fresh = event()
    backend.ingest(fresh)
    with pytest.raises(grpc.RpcError) as failed:
        next(
            backend.events.TailEvents(
                pb.TailEventsRequest(resume_token=behind), metadata=backend.metadata, timeout=10
            )
        )
    refused = refusal(failed.value)
    assert refused.code is grpc.StatusCode.OUT_OF_RANGE
    with Tail(backend, resume_token=refused.metadata["oldest"]) as tail:
        assert tail.wait_for(1) == [fresh.event_id]


def test_a_tail_filters_by_user_and_type_and_shows_members_their_own(
    ingest: Ingest, acme: Organisation, backend: Caller
) -> None:
    mia = ingest.caller(acme, "mia")
    with Tail(backend, types=["login"]) as logins, Tail(backend, user_id="mia") as of_mia:
        with Tail(mia) as own:
            sent = [
                event(kind, user_id=user)
                for kind in ("login", "logout")
                for user in ("mia", "milo")
            ]
            backend.ingest(*sent)
            assert set(own.wait_for(2)) == {sent[0].event_id, sent[2].event_id}
        assert set(logins.wait_for(2)) == {sent[0].event_id, sent[1].event_id}
        assert set(of_mia.wait_for(2)) == {sent[0].event_id, sent[2].event_id}


def test_a_resume_token_belongs_to_its_filter_and_organisation(
    ingest: Ingest, globex: Organisation, backend: Caller
) -> None:
    """R39."""
    with Tail(backend) as tail:
        token = tail.token
    attempts = (
        (ingest.caller(globex), pb.TailEventsRequest(resume_token=token)),
        (backend, pb.TailEventsRequest(resume_token=token, user_id="mia")),
    )
    for caller, request in attempts:
        with pytest.raises(grpc.RpcError) as failed:
            next(caller.events.TailEvents(request, metadata=caller.metadata, timeout=10))
        assert refusal(failed.value).reason == "INVALID_PAGE_TOKEN"


def test_a_tail_shows_no_event_of_another_organisation(
    ingest: Ingest, globex: Organisation, backend: Caller
) -> None:
    stranger = ingest.caller(globex)
    with Tail(backend) as tail:
        stranger.ingest(*(event() for _ in range(10)))
        mine = event()
        backend.ingest(mine)
        assert tail.wait_for(1) == [mine.event_id]


def test_hundreds_of_calls_at_once_on_one_connection_all_succeed(
    ingest: Ingest, acme: Organisation, backend: Caller
) -> None:
    """The core's overload protection would reset some of them near the limit of streams."""
    calls = [
        backend.events.IngestEvent.future(
            pb.IngestEventRequest(event=event(user_id="mia")),
            metadata=backend.metadata,
            timeout=30,
        )
        for _ in range(1000)
    ]
    assert {call.result().verdict for call in calls} == {pb.VERDICT_ACCEPTED}
    query = "SELECT count(*)::int FROM app.events WHERE org_id = %s"
    assert ingest.database.execute(query, acme.org_id) == [(1000,)]
