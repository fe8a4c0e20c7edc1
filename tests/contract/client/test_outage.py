"""The server dies ten times while events come in, and each one is accounted for."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from footfall_client import AsyncClient, Client, Counts, Event, Options
from tests.contract.client.answers import settled

ROOT = Path(__file__).parents[3]
KILLS = 10
EVENTS = 20_000
OPTIONS = Options(max_queue_events=EVENTS, backoff_base=0.02, backoff_cap=0.2, max_batch_events=100)


class MortalServer:
    """A server in a process of its own that keeps ids in a file, and its port over its deaths."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.port = 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.contract.client.ingest_server"]
        self._process = subprocess.Popen(
            [*command, str(self.port), str(self.file)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        self.port = int(self.address.rpartition(":")[2])

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def stored(self) -> list[str]:
        return self.file.read_text().splitlines()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MortalServer]:
    mortal = MortalServer(tmp_path / "stored")
    yield mortal
    mortal.kill()


@pytest.mark.parametrize("kind", [Client, AsyncClient], ids=["threads", "asyncio"])
async def test_ten_deaths_of_the_server_lose_nothing(
    kind: type[Client | AsyncClient], server: MortalServer
) -> None:
    client = kind(server.address, options=OPTIONS)
    ids = set()
    for round_ in range(EVENTS // 500):
        for _ in range(500):
            ids.add(client.track("login", user_id="u", properties={"round": round_}))
        await asyncio.sleep(0.005)
        if round_ % (EVENTS // 500 // KILLS) == 2:
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
        assert client.counts.balanced
    assert await settled(client.close(timeout=30))
    assert client.counts == Counts(sent=EVENTS, acknowledged=EVENTS)
    assert set(server.stored()) == ids


@pytest.mark.parametrize("kind", [Client, AsyncClient], ids=["threads", "asyncio"])
async def test_an_upload_outlives_its_server_too(
    kind: type[Client | AsyncClient], server: MortalServer
) -> None:
    client = kind(server.address, options=OPTIONS)
    events = [Event(type="login") for _ in range(EVENTS)]
    stored = batches = 0

    async def note(accepted: int, duplicate: int) -> None:
        nonlocal stored, batches
        stored += accepted + duplicate
        batches += 1
        if batches % 4 == 2:
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)

    if isinstance(client, Client):
        for result in client.upload(events):
            await note(result.accepted, result.duplicate)
    else:
        async for result in client.upload(events):
            await note(result.accepted, result.duplicate)
    await settled(client.close())
    assert (stored, batches) == (EVENTS, KILLS * 4)
    assert client.counts == Counts(sent=EVENTS, acknowledged=EVENTS)
    assert set(server.stored()) == {event.event_id for event in events}
