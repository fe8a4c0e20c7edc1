"""The import of clients, against a service that answers as it is told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import grpc
import pytest

from footfall.journey.v1.clients_pb2 import Client, GetClientResponse, UpsertClientResponse
from services.cli.importing.checkpoint import Checkpoint
from services.cli.importing.sources import Position, open_source
from services.cli.journey.asking import Journey
from services.cli.journey.client_rows import Mapper
from services.cli.journey.client_upload import Account, Import, Pace, Refused


class Told:
    """Keeps clients; fails where it was told to."""

    caller = SimpleNamespace(address="nowhere:1")

    def __init__(self, **failures: list[grpc.StatusCode]) -> None:
        self.kept: dict[str, Client] = {}
        self.failures = failures
        self.at_once = self.most_at_once = 0

    async def ask(self, method: str, request: Any) -> Any:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        client_id = request.client_id if method == "GetClient" else request.client.client_id
        if method == "UpsertClient" and self.failures.get(client_id):
            raise failure(self.failures[client_id].pop(0))
        if method == "UpsertClient":
            created = client_id not in self.kept
            self.kept[client_id] = request.client
            return UpsertClientResponse(client=request.client, created=created)
        if client_id not in self.kept:
            raise failure(grpc.StatusCode.NOT_FOUND)
        return GetClientResponse(client=self.kept[client_id])


class Watched:
    def __init__(self) -> None:
        self.heard: list[Refused] = []
        self.done: list[float] = []

    def show(self, position: Position, account: Account) -> None:
        assert position.total is not None
        self.done.append(position.done / position.total)
        told = sum(account.counts.values()) + account.refused + account.skipped
        assert told == account.rows == account.settled

    def refused(self, refused: Refused) -> None:
        self.heard.append(refused)


def failure(code: grpc.StatusCode) -> grpc.aio.AioRpcError:
    nothing = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(code, nothing, nothing, details="client.name: is bad")


def an_import(file: Path, skip: int | None = None, **pace: Any) -> Import:
    settled = Checkpoint(file.with_suffix(".json"))
    pace = {"patience_seconds": 0, **pace}
    return Import(open_source(file, None), Mapper(), settled, skip, Pace(**pace))


async def run(work: Import, told: Told) -> Watched:
    watched = Watched()
    await work.run(cast("Journey", told), watched)
    return watched


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "clients.csv"
    path.write_text("id,name\n" + "".join(f"c-{n},Name {n}\n" for n in range(600)))
    return path


async def test_many_are_on_their_way_at_once_and_no_more_than_were_asked_for(file: Path) -> None:
    told, work = Told(), an_import(file, in_flight=5)
    await run(work, told)
    assert work.account.counts == {"created": 600, "changed": 0, "unchanged": 0}
    assert work.account.all_stored
    assert told.most_at_once == 5
    again = an_import(file)
    await run(again, told)
    assert again.account.counts["unchanged"] == 600


async def test_how_far_it_is_is_told_by_rows_and_not_by_what_was_read_ahead(file: Path) -> None:
    watched = await run(an_import(file), Told())
    first, *_, last = watched.done
    assert 0.3 < first < 0.6, "256 of 600 rows"
    assert 0.95 < last <= 1


async def test_the_last_row_of_a_client_counts(tmp_path: Path) -> None:
    file, told = tmp_path / "clients.csv", Told()
    file.write_text("id,name\n" + "".join(f"c-{n % 3},Name {n}\n" for n in range(30)))
    work = an_import(file)
    await run(work, told)
    assert {one.name for one in told.kept.values()} == {"Name 27", "Name 28", "Name 29"}
    assert work.account.counts == {"created": 3, "changed": 27, "unchanged": 0}


async def test_it_goes_on_where_it_was_stopped(file: Path) -> None:
    told = Told(**{"c-300": [grpc.StatusCode.UNAVAILABLE]})
    first = an_import(file)
    await run(first, told)
    assert first.account.stopped
    assert 0 < first.account.settled <= 300, "nothing is passed over"
    second = an_import(file)
    assert second.skip == first.account.settled
    await run(second, told)
    assert (second.account.stopped, len(told.kept)) == ("", 600)
    assert Checkpoint(file.with_suffix(".json")).rows() == 0, "the next one begins anew"


async def test_a_server_that_is_away_for_a_moment_is_waited_for(file: Path) -> None:
    told = Told(**{"c-7": [grpc.StatusCode.UNAVAILABLE]})
    work = an_import(file, patience_seconds=60)
    await run(work, told)
    assert work.account.counts["created"] == 600


async def test_a_client_that_others_change_meanwhile_is_merged_anew(file: Path) -> None:
    aborted = grpc.StatusCode.ABORTED
    told = Told(**{"c-7": [aborted, aborted], "c-8": [aborted] * 9})
    work = an_import(file)
    (refused,) = (await run(work, told)).heard
    assert (refused.row, refused.client_id, refused.reason) == (9, "c-8", "STALE_ETAG")
    assert work.account.counts["created"] == 599


async def test_what_one_row_says_wrong_does_not_stop_the_others(file: Path) -> None:
    told = Told(**{"c-7": [grpc.StatusCode.INVALID_ARGUMENT]})
    work = an_import(file)
    (refused,) = (await run(work, told)).heard
    assert (refused.row, refused.message) == (8, "name: is bad")
    assert (work.account.refused, work.account.all_stored) == (1, False)
    assert work.account.counts["created"] == 599


async def test_what_goes_on_remembers_what_was_refused_before(file: Path) -> None:
    refused, away = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAVAILABLE
    told = Told(**{"c-7": [refused], "c-290": [refused], "c-300": [away]})
    first = an_import(file)
    heard = (await run(first, told)).heard
    account = first.account
    assert (account.rows, account.settled, account.refused, len(heard)) == (256, 256, 1, 1)
    told.failures["c-290"] = [refused]
    second = an_import(file)
    heard = (await run(second, told)).heard
    account = second.account
    assert (account.rows, account.refused_before, account.refused) == (600, 1, 1)
    assert ([one.client_id for one in heard], account.all_stored) == (["c-290"], False)
    anew = an_import(file)
    await run(anew, told)
    assert (anew.account.refused_before, anew.account.all_stored) == (0, True)


async def test_refusals_are_told_in_the_order_of_the_rows(tmp_path: Path) -> None:
    file, bad = tmp_path / "clients.csv", grpc.StatusCode.INVALID_ARGUMENT
    file.write_text("id,score\na,1\nb,high\nc,1\n,1\n")
    told = Told(c=[grpc.StatusCode.ABORTED, bad], a=[bad])
    work = an_import(file)
    heard = (await run(work, told)).heard
    assert [one.row for one in heard] == [one.row for one in work.account.listed] == [1, 2, 3, 4]
