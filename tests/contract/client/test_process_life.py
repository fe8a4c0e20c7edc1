"""The host process forks, exits without a word, or is killed: its events are where they should be.

Each host is a process of its own, for a fork or a kill of the test's own would prove nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from footfall_client import Client, Counts, Options, SpoolOptions, Sync
from tests.contract.client.ingest_server import IngestServicer, serving

HEAD = """
import asyncio, multiprocessing, os, sys, time
from footfall_client import *
address, folder = sys.argv[1:]
"""


@pytest.fixture
def server() -> IngestServicer:
    return IngestServicer()


@pytest.fixture
def address(server: IngestServicer) -> Iterator[str]:
    with serving(server) as address:
        yield address


def host(code: str, address: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HEAD + textwrap.dedent(code), address, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(code: str, address: str, folder: Path) -> str:
    process = host(code, address, folder)
    try:
        out, err = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == 0, err
    assert "Traceback" not in err
    return out


def tracked_until_killed(process: subprocess.Popen[str], least: int) -> set[str]:
    """The ids that the host printed, at least so many of them, until its sudden death."""
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(least)]
    process.kill()
    lines += process.stdout.readlines()
    process.communicate()
    return {line.strip() for line in lines if len(line) == 37}


def users(server: IngestServicer) -> list[str]:
    return sorted(event.user_id for batch in server.batches for event in batch)


def test_the_exit_of_the_process_delivers_what_waits(
    address: str, server: IngestServicer, tmp_path: Path
) -> None:
    run("Client(address).track('login', user_id='u')", address, tmp_path)
    assert users(server) == ["u"]


def test_the_exit_delivers_for_asyncio_too_though_its_loop_is_gone(
    address: str, server: IngestServicer, tmp_path: Path
) -> None:
    code = """
        client = AsyncClient(address)
        async def main():
            client.track('login', user_id='u')
            await client.flush()
            client.track('login', user_id='v')
        asyncio.run(main())
    """
    run(code, address, tmp_path)
    assert users(server) == ["u", "v"]


def test_an_exit_without_a_server_is_not_held_up_and_says_what_it_drops(tmp_path: Path) -> None:
    code = """
        options = Options(exit_timeout=0.3)
        for kind in Client, AsyncClient:
            client = kind('127.0.0.1:1', options=options, on_drop=lambda event, why: print(why))
            client.track('login')
    """
    began = time.monotonic()
    assert run(code, "", tmp_path).splitlines() == ["closed", "closed"]
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("busy", [False, True], ids=["at rest", "in mid-delivery"])
def test_a_forked_child_starts_empty_and_delivers_its_own(
    address: str, server: IngestServicer, tmp_path: Path, *, busy: bool
) -> None:
    code = f"""
        client = Client(address, options=Options(flush_at=1))
        for number in range(200 if {busy} else 1):
            client.track('login', user_id=f'parent {{number}}')
        if not {busy}:
            client.flush()
        for number in range(3):
            pid = os.fork()
            if pid == 0:
                assert client.counts == Counts(), client.counts
                client.track('login', user_id=f'child {{number}}')
                os._exit(0 if client.close() and client.counts.acknowledged == 1 else 1)
            assert os.waitpid(pid, 0)[1] == 0
            client.track('login', user_id=f'parent after {{number}}')
        assert client.close()
        assert client.counts.acknowledged == client.counts.sent
    """
    run(code, address, tmp_path)
    found = users(server)
    assert len(found) == len(set(found)) == (206 if busy else 7)


def test_a_forked_child_has_a_spool_of_its_own(
    address: str, server: IngestServicer, tmp_path: Path
) -> None:
    code = """
        options = Options(spool=SpoolOptions(directory=folder), backoff_base=60)
        client = Client('127.0.0.1:1', options=options)
        client.track('login', user_id='parent')
        pid = os.fork()
        client.track('login', user_id='parent again' if pid else 'child')
        if pid == 0:
            client.close(0)
            os._exit(0 if client.counts == Counts(sent=1, spooled=1) else 1)
        assert os.waitpid(pid, 0)[1] == 0
        client.close(0)
        assert client.counts == Counts(sent=2, spooled=2), client.counts
    """
    run(code, address, tmp_path)
    with Client(address, options=Options(spool=SpoolOptions(directory=tmp_path))) as client:
        assert client.counts.sent == 3
    assert users(server) == ["child", "parent", "parent again"]


def test_the_workers_of_multiprocessing_deliver_before_they_end(
    address: str, server: IngestServicer, tmp_path: Path
) -> None:
    code = """
        client = Client(address)
        client.track('login', user_id='parent')
        client.flush()
        def work(number):
            client.track('login', user_id=f'worker {number}')
        context = multiprocessing.get_context('fork')
        workers = [context.Process(target=work, args=(number,)) for number in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    """
    run(code, address, tmp_path)
    assert users(server) == ["parent", "worker 0", "worker 1", "worker 2"]


@pytest.mark.parametrize("kind", ["Client", "AsyncClient"])
@pytest.mark.parametrize("sync", list(Sync))
def test_a_killed_host_loses_no_event_that_was_tracked(
    address: str, server: IngestServicer, tmp_path: Path, kind: str, sync: Sync
) -> None:
    spool = tmp_path / "spool"
    code = f"""
        options = Options(
            spool=SpoolOptions(directory=folder, segment_bytes=20_000, sync=Sync('{sync}')),
            max_queue_events=100, backoff_base=0.05)
        async def main():
            client = {kind}('127.0.0.1:1', options=options)
            while True:
                print(client.track('login', properties={{'x': 'y' * 100}}), flush=True)
                await asyncio.sleep(0)
        asyncio.run(main())
    """
    tracked = tracked_until_killed(host(code, address, spool), 300)
    options = Options(spool=SpoolOptions(directory=spool))
    with Client(address, options=options) as client:
        sent = client.counts.sent
        assert client.flush(timeout=30)
    assert client.counts == Counts(sent=sent, acknowledged=sent)
    assert tracked <= set(server.stored)
    assert len(server.stored) - len(tracked) <= 1  # written, and killed before it said so
    assert list(spool.iterdir()) == []


def test_a_host_killed_in_mid_delivery_leaves_what_has_no_verdict(
    address: str, server: IngestServicer, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    code = """
        options = Options(spool=SpoolOptions(directory=folder, segment_bytes=20_000))
        client = Client(address, options=options)
        while True:
            print(client.track('login'), flush=True)
    """
    tracked = tracked_until_killed(host(code, address, spool), 5000)
    before = len(server.stored)
    with Client(address, options=Options(spool=SpoolOptions(directory=spool))) as client:
        left = client.counts.sent
        assert client.flush(timeout=30)
    assert before > 0
    assert left < len(tracked), json.dumps([left, before, len(tracked)])
    assert tracked <= set(server.stored)
    assert sum(map(len, server.batches)) - len(server.stored) <= 1000  # two batches at most, again
