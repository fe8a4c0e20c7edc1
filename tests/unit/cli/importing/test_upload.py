"""The import itself, against a client that answers as it is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from footfall.events.v1.event_ingest_pb2 import (
    VERDICT_ACCEPTED,
    VERDICT_CONFLICT,
    VERDICT_REJECTED,
    EventResult,
)
from footfall.events.v1.event_pb2 import Event
from footfall_client import BatchResult, Client, DropCode, Dropped, DropReason
from services.cli.importing.checkpoint import Checkpoint
from services.cli.importing.mapping import Mapper, Wish
from services.cli.importing.sources import Position, open_source
from services.cli.importing.times import Times
from services.cli.importing.upload import Account, Import, Refused

Answer = Callable[[list[Event]], BatchResult]


class Told:
    """Uploads in batches of two."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.sent: list[Event] = []

    def upload(self, events: Iterable[Event], **_: Any) -> Iterator[BatchResult]:
        waiting = list(events)
        for start in range(0, len(waiting), 2):
            batch = waiting[start : start + 2]
            self.sent += batch
            yield (self.answers.pop(0) if self.answers else accepted)(batch)


class Silent:
    def __init__(self) -> None:
        self.heard: list[Refused] = []

    def show(self, position: Position, account: Account) -> None:
        assert position.total is not None
        assert account.tally.lost == 0

    def refused(self, refused: Refused) -> None:
        self.heard.append(refused)


def accepted(events: list[Event]) -> BatchResult:
    results = [EventResult(event_id=one.event_id, verdict=VERDICT_ACCEPTED) for one in events]
    return BatchResult(events, results)


def refused(events: list[Event]) -> BatchResult:
    conflict = EventResult(verdict=VERDICT_CONFLICT, reason="EVENT_CONFLICT", message="other")
    rejected = EventResult(verdict=VERDICT_REJECTED, reason="UNKNOWN_EVENT_TYPE", message="no")
    return BatchResult(events, [conflict, rejected])


def undelivered(events: list[Event]) -> BatchResult:
    reason = DropReason(DropCode.CALL_FAILED, "UNAVAILABLE")
    return BatchResult([], [], [Dropped(one, reason) for one in events])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.csv"
    rows = "".join(f"2026-01-01T00:00:0{n}Z,mia\n" for n in range(6))
    path.write_text("time,user\n" + rows + "noon,mia\n")
    return path


@pytest.fixture(autouse=True)
def _states_of_this_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def imported(file: Path, client: Told, skip: int | None = None) -> tuple[Account, Silent]:
    mapper, watcher = Mapper("file", Wish(type="login"), Times()), Silent()
    work = Import(open_source(file, None), mapper, Checkpoint.of(file, "x"), skip)
    return work.run(cast("Client", client), watcher), watcher


def test_the_account_holds_every_row(file: Path) -> None:
    account, watcher = imported(file, Told(accepted, refused))
    assert account.as_json() | {"seconds": 0, "events_per_second": 0} == {
        "rows": 7, "skipped": 0, "refused_before": 0, "unreadable": 1,
        "sent": 6, "accepted": 4, "duplicate": 0, "conflict": 1, "rejected": 1,
        "complete": True, "seconds": 0, "events_per_second": 0,
    }  # fmt: skip
    assert not account.all_stored
    assert [(one.row, one.verdict, one.reason) for one in sorted(watcher.heard, key=_row)] == [
        (3, "CONFLICT", "EVENT_CONFLICT"),
        (4, "REJECTED", "UNKNOWN_EVENT_TYPE"),
        (7, "UNREADABLE", ""),
    ]


def test_what_was_stopped_goes_on_behind_what_is_settled(file: Path) -> None:
    first = Told(accepted, undelivered)
    account, _ = imported(file, first)
    assert (account.stopped, account.settled) == ("UNAVAILABLE", 2)

    second = Told()
    resumed, _ = imported(file, second)
    assert (resumed.skipped, resumed.tally.sent) == (2, 4)
    assert [one.event_id for one in second.sent] == [one.event_id for one in _all(file)[2:]]

    again, _ = imported(file, Told())
    assert again.skipped == 0


def test_what_goes_on_remembers_what_was_refused_before(file: Path) -> None:
    first, heard = imported(file, Told(refused, undelivered))
    assert (first.settled, first.rows, first.all_refused) == (2, 2, 2)
    assert len(heard.heard) == 2, "the row that is no time comes after what is settled"
    resumed, heard = imported(file, Told())
    assert (resumed.rows, resumed.refused_before, resumed.unreadable) == (7, 2, 1)
    assert (len(heard.heard), resumed.all_stored) == (1, False)
    anew, _ = imported(file, Told())
    assert anew.refused_before == 0


def test_rows_that_cannot_be_read_count_when_the_rows_before_them_are_settled(file: Path) -> None:
    header, *rows = file.read_text().splitlines()
    file.write_text("\n".join([header, rows[0], "noon,mia", *rows[1:]]))
    stopped, heard = imported(file, Told(undelivered))
    assert (stopped.settled, stopped.rows, heard.heard) == (0, 0, [])
    account, heard = imported(file, Told())
    assert (account.rows, [one.row for one in heard.heard]) == (8, [2, 8])


def test_another_file_of_that_name_begins_at_the_beginning(file: Path) -> None:
    imported(file, Told(accepted, undelivered))
    file.write_text(file.read_text() + "2026-01-01T00:00:09Z,milo\n")
    account, _ = imported(file, Told())
    assert account.skipped == 0


def test_the_operator_decides_how_many_rows_are_skipped(file: Path) -> None:
    imported(file, Told(accepted, undelivered))
    assert imported(file, Told(), skip=0)[0].skipped == 0
    assert imported(file, Told(), skip=5)[0].tally.sent == 1


def test_a_broken_checkpoint_is_none(file: Path, tmp_path: Path) -> None:
    imported(file, Told(accepted, undelivered))
    (kept,) = (tmp_path / "state").rglob("*.json")
    assert json.loads(kept.read_text()) == {"rows": 2, "refused": 0}
    kept.write_text("?")
    assert imported(file, Told())[0].skipped == 0


def test_an_event_too_large_to_send_is_rejected(file: Path) -> None:
    def too_large(events: list[Event]) -> BatchResult:
        reason = DropReason(DropCode.EVENT_TOO_LARGE, "1000000 bytes")
        return BatchResult(events[:1], accepted(events[:1]).results, [Dropped(events[1], reason)])

    account, watcher = imported(file, Told(too_large))
    assert (account.tally.rejected, account.tally.lost, account.settled) == (1, 0, 6)
    assert [one.row for one in watcher.heard if one.verdict == "REJECTED"] == [2]


def _all(file: Path) -> list[Event]:
    client = Told()
    imported(file, client, skip=0)
    return client.sent


def _row(refused: Refused) -> int:
    return refused.row
