"""Committed, and the answer never came: the one doubt that no database can take from its caller.

12 of the hardening checklist. What was committed is stored, the caller is told to try again, and
the retry finds a duplicate. With `make faults` it happens a thousand times.
"""

from __future__ import annotations

from dataclasses import replace

import grpc
import pytest

from footfall.events.v1 import event_ingest_pb2 as pb
from footfall.events.v1 import event_pb2
from tests.ingesting import Caller, Refused, event, refusal, running_ingest
from tests.organisations import add_organisation
from tests.postgres import Template
from tests.proxy import Proxy
from tests.sending import Log, assert_nothing_is_wrong

CUTS_PER_CYCLE = 20


def send(caller: Caller, events: list[event_pb2.Event]) -> list[str]:
    """By the group commit if it is one, as a batch otherwise."""
    if len(events) > 1:
        return caller.verdicts(*events)
    answer = caller.call("IngestEvent", pb.IngestEventRequest(event=events[0]))
    return [pb.Verdict.Name(answer.verdict)[8:]]


def lost(caller: Caller, events: list[event_pb2.Event]) -> Refused:
    with pytest.raises(grpc.RpcError) as failed:
        send(caller, events)
    return refusal(failed.value)


def test_a_retry_after_a_lost_answer_is_a_duplicate(template: Template, cycles: int) -> None:
    """12."""
    login = "footfall_event_ingest"
    with template.clone() as database, Proxy(database.urls[login]) as proxy:
        beyond = replace(database, urls={**database.urls, login: proxy.url})
        with running_ingest(beyond) as ingest:
            acme, log = add_organisation(database), Log()
            caller = ingest.caller(acme)
            for number in range(cuts := cycles * CUTS_PER_CYCLE):
                marked = f"cut-{number:05}."
                events = [event(user_id=marked) for _ in range(1 if number % 2 else 20)]
                proxy.cut_after_commit_of(marked)
                told = lost(caller, events)
                assert (told.code, told.reason) == (
                    grpc.StatusCode.UNAVAILABLE,
                    "DATABASE_AWAY",
                )
                assert told.retry_seconds is not None
                assert set(send(caller, events)) == {"DUPLICATE"}
                log.ok |= {one.event_id for one in events}
            assert proxy.cuts == cuts
            assert ingest.process.poll() is None
        assert_nothing_is_wrong(acme, log)
