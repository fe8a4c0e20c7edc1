"""The account adds up, or says what is missing."""

from __future__ import annotations

from footfall.events.v1.event_ingest_pb2 import (
    VERDICT_ACCEPTED,
    VERDICT_CONFLICT,
    VERDICT_DUPLICATE,
    VERDICT_REJECTED,
    EventResult,
)
from footfall.events.v1.event_pb2 import Event
from footfall_client import BatchResult, DropCode, Dropped, DropReason
from services.cli.tally import Tally

EVERY_VERDICT = [VERDICT_ACCEPTED, VERDICT_DUPLICATE, VERDICT_CONFLICT, VERDICT_REJECTED]


def test_every_event_of_a_batch_is_in_one_column() -> None:
    tally = Tally()
    results = [EventResult(verdict=verdict) for verdict in (*EVERY_VERDICT, VERDICT_ACCEPTED)]
    tally.add(BatchResult([Event() for _ in results], results))
    assert str(tally) == "sent 5 = 2 accepted + 1 duplicate + 1 conflict + 1 rejected"
    assert tally.lost == 0


def test_what_has_no_verdict_is_missed() -> None:
    tally = Tally()
    dropped = Dropped(Event(), DropReason(DropCode.CALL_FAILED))
    tally.add(BatchResult([], [], [dropped]))
    assert tally.lost == 1
    assert str(tally).endswith("+ 1 without a verdict")


def test_accounts_are_added_up_column_by_column() -> None:
    assert Tally(3, 1, 1, 0, 1) + Tally(2, 2) == Tally(5, 3, 1, 0, 1)
