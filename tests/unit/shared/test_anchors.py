"""The file outside the database: what a crash, a neighbour or a curious editor does to it."""

from __future__ import annotations

import fcntl
import multiprocessing
import stat
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import orjson
import pytest

from shared.anchors import AnchorsUnreadable, FileAnchors, Written
from shared.audit_chain import Anchor

NOW = datetime(2026, 11, 21, 18, 30, 0, 123456, tzinfo=UTC)
ACME, GLOBEX = UUID(int=1), UUID(int=2)


def anchor(sequence: int, org_id: UUID = ACME) -> Anchor:
    return Anchor(org_id, sequence, bytes([sequence % 256]) * 32, NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "anchors.jsonl"


def test_what_was_appended_is_read(path: Path) -> None:
    store = FileAnchors(path)
    store.append([anchor(1), anchor(4, GLOBEX)])
    store.append([anchor(3)])
    for reader in (store, FileAnchors(path)):
        assert reader.of(ACME) == Written([anchor(1), anchor(3)])
        assert reader.latest() == {ACME: anchor(3), GLOBEX: anchor(4, GLOBEX)}
    assert not reader.of(uuid4()).anchors


def test_every_line_is_json_that_others_can_read(path: Path) -> None:
    FileAnchors(path).append([anchor(7)])
    line = orjson.loads(path.read_bytes())
    assert line["org_id"] == str(ACME)
    assert (line["sequence"], line["entry_hash"]) == (7, "07" * 32)
    assert line["at"] == "2026-11-21T18:30:00.123456+00:00"


def test_nobody_else_may_read_it(path: Path) -> None:
    FileAnchors(path).append([anchor(1)])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_to_append_makes_no_file(path: Path) -> None:
    FileAnchors(path).append([])
    assert not path.exists()
    assert FileAnchors(path).latest() == {}


def test_others_lines_are_seen_and_only_once(path: Path) -> None:
    mine, theirs = FileAnchors(path), FileAnchors(path)
    mine.append([anchor(1)])
    assert mine.latest()[ACME] == anchor(1)
    theirs.append([anchor(2)])
    assert mine.latest()[ACME] == anchor(2)


def test_a_line_that_a_crash_cut_anywhere_stops_nothing(path: Path) -> None:
    FileAnchors(path).append([anchor(1)])
    first = path.read_bytes()
    FileAnchors(path).append([anchor(2)])
    second = path.read_bytes()[len(first) :]
    for cut in range(len(second)):
        path.write_bytes(first + second[:cut])
        store = FileAnchors(path)
        whole = cut == len(second) - 1  # but its end, which comes after all
        believed = [anchor(1), *([anchor(2)] if whole else [])]
        assert store.of(ACME) == Written(believed, damaged=cut > 0 and not whole)
        assert store.latest() == {ACME: anchor(1)}
        store.append([anchor(3)])
        assert store.latest() == {ACME: anchor(3)}
        found = FileAnchors(path).of(ACME)
        assert found.anchors == [*believed, anchor(3)]
        assert found.damaged == (cut > 0 and not whole)


def test_a_line_that_is_being_written_is_not_called_damaged(path: Path) -> None:
    FileAnchors(path).append([anchor(1)])
    with path.open("ab", buffering=0) as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        writer.write(b'{"org_id":"')
        assert FileAnchors(path).of(ACME) == Written([anchor(1)])
    assert FileAnchors(path).of(ACME) == Written([anchor(1)], damaged=1)


@pytest.mark.parametrize(
    "content", [bytes(10**6), bytes(10) + b"\n", b"a line of somebody's", b'{"a":"b"}\n'],
)  # fmt: skip
def test_a_file_that_is_not_ours_is_called_damaged(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert FileAnchors(path).of(ACME) == Written([], damaged=1)


def test_a_changed_byte_is_never_believed(path: Path) -> None:
    FileAnchors(path).append([anchor(1)])
    line = path.read_bytes()
    for place in range(len(line) - 1):
        path.write_bytes(line[:place] + bytes([line[place] ^ 1]) + line[place + 1 :])
        assert not FileAnchors(path).of(ACME).anchors
        assert FileAnchors(path).latest() == {}


def test_a_file_that_was_moved_away_begins_anew(path: Path) -> None:
    store = FileAnchors(path)
    store.append([anchor(1)])
    assert store.latest()
    path.rename(path.with_suffix(".old"))
    assert store.latest() == {}
    store.append([anchor(1)])
    assert store.latest() == {ACME: anchor(1)}


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(AnchorsUnreadable, match="cannot be read: Is a directory"):
        FileAnchors(tmp_path).of(ACME)
    with pytest.raises(AnchorsUnreadable):
        FileAnchors(tmp_path).latest()


def write_many(path: Path, org_id: UUID, count: int) -> None:
    store = FileAnchors(path)
    for sequence in range(count):
        store.append([anchor(sequence, org_id), anchor(sequence, org_id)])


def test_several_writers_lose_and_mix_nothing(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    organisations = [UUID(int=number) for number in range(3)]
    writers = [context.Process(target=write_many, args=(path, one, 40)) for one in organisations]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    for org_id in organisations:
        found = FileAnchors(path).of(org_id)
        assert not found.damaged
        assert Counter(one.sequence for one in found.anchors) == dict.fromkeys(range(40), 2)
