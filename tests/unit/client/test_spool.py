"""What is on disk is there after any death, and what is torn or rotten harms nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from footfall_client.options import SpoolOptions, Sync
from footfall_client.spool import Spool, SpoolFull


@pytest.fixture
def options(tmp_path: Path) -> SpoolOptions:
    return SpoolOptions(directory=tmp_path / "spool", segment_bytes=100, sync=Sync.NEVER)


def die(spool: Spool) -> None:
    """As by kill -9: locks and descriptors go, the files stay as they are."""
    spool.disown()


def files(options: SpoolOptions, pattern: str = "*.events") -> list[Path]:
    return sorted(Path(options.directory).glob(f"*/{pattern}"))


def recovered(options: SpoolOptions) -> list[bytes]:
    spool = Spool(options)
    found = [payload for _, payload in spool.read(1000)]
    die(spool)
    return found


def write(options: SpoolOptions, *payloads: bytes) -> None:
    spool = Spool(options)
    for payload in payloads:
        spool.append(payload, kept=True)
    die(spool)


def test_what_was_written_is_read_by_the_next_process_in_order(options: SpoolOptions) -> None:
    payloads = [f"event {number}".encode() for number in range(40)]
    write(options, *payloads)
    assert len(files(options)) > 3
    assert recovered(options) == payloads


def test_what_is_settled_is_not_read_again(options: SpoolOptions) -> None:
    spool = Spool(options)
    places = [spool.append(b"%d" % number, kept=True) for number in range(6)]
    spool.settle([places[0], places[1], places[4]])
    die(spool)
    assert recovered(options) == [b"2", b"3", b"5"]


def test_a_file_goes_when_its_last_event_is_settled(options: SpoolOptions) -> None:
    spool = Spool(options)
    places = [spool.append(b"x" * 60, kept=True) for _ in range(4)]
    before = len(files(options))
    spool.settle(places[:2])
    assert len(files(options)) < before
    spool.settle(places[2:])
    spool.close()
    assert list(Path(options.directory).iterdir()) == []


@pytest.mark.parametrize("missing", range(1, 14))
def test_a_torn_tail_costs_only_the_event_that_was_torn(
    options: SpoolOptions, missing: int
) -> None:
    write(options, b"first", b"second", b"third")
    (file,) = files(options)
    file.write_bytes(file.read_bytes()[:-missing])
    assert recovered(options) == [b"first", b"second"]


def test_a_tail_of_zeros_is_torn_too(options: SpoolOptions) -> None:
    write(options, b"first")
    (file,) = files(options)
    file.write_bytes(file.read_bytes() + bytes(4096))
    assert recovered(options) == [b"first"]


def test_a_rotten_event_is_passed_over_and_its_neighbours_are_not(options: SpoolOptions) -> None:
    write(options, b"first", b"second", b"third")
    (file,) = files(options)
    file.write_bytes(file.read_bytes().replace(b"second", b"sec0nd"))
    assert recovered(options) == [b"first", b"third"]


def test_a_torn_journal_forgets_its_last_entry_at_most(options: SpoolOptions) -> None:
    spool = Spool(options)
    places = [spool.append(b"%d" % number, kept=True) for number in range(3)]
    spool.settle(places[:1])
    spool.settle(places[1:2])
    die(spool)
    (journal,) = files(options, "*.settled")
    journal.write_bytes(journal.read_bytes()[:-1])
    assert recovered(options) == [b"1", b"2"]


def test_the_folder_of_a_living_process_is_left_alone(options: SpoolOptions) -> None:
    living = Spool(options)
    living.append(b"mine", kept=True)
    assert recovered(options) == []
    assert recovered(options) == []
    die(living)
    assert recovered(options) == [b"mine"]


def test_what_memory_holds_is_not_read_and_what_it_does_not_is(options: SpoolOptions) -> None:
    spool = Spool(options)
    spool.append(b"held", kept=True)
    spool.append(b"left", kept=False)
    assert spool.unread == 1
    assert [payload for _, payload in spool.read(10)] == [b"left"]
    spool.append(b"held again", kept=True)
    assert spool.read(10) == []
    spool.close()


def test_a_full_spool_takes_no_more_until_something_is_settled(tmp_path: Path) -> None:
    options = SpoolOptions(directory=tmp_path, max_bytes=310, segment_bytes=50, sync=Sync.ALWAYS)
    spool = Spool(options)
    places = [spool.append(b"x" * 80, kept=True) for _ in range(3)]
    with pytest.raises(SpoolFull):
        spool.append(b"x" * 80, kept=True)
    spool.settle(places[:1])
    spool.append(b"x" * 80, kept=True)
    spool.close()
