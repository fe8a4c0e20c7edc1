"""Children that compute: they answer, they are replaced, and never outlive who started them."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from shared.computing.pool import ComputeAway, ComputePool, ComputingFailed

PATIENCE = 30
PARENT = """
import asyncio
from shared.computing.pool import ComputePool

async def main():
    pool = ComputePool()
    pool.start()
    await pool.run("acme", abs, -1)
    print(*pool.pids, flush=True)
    await pool.run("acme", __import__("time").sleep, 600)

asyncio.run(main())
"""


@pytest.fixture
async def pool() -> AsyncIterator[ComputePool]:
    made = ComputePool()
    made.start()
    yield made
    await made.close()


async def test_it_computes_elsewhere(pool: ComputePool) -> None:
    assert await pool.run("acme", math.sqrt, 4.0) == 2
    assert [await pool.run("acme", os.getpid)] == pool.pids
    assert os.getpid() not in pool.pids


async def test_libraries_take_one_thread_and_no_passwords(
    pool: ComputePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await pool.run("acme", os.getenv, "OMP_NUM_THREADS") == "1"
    monkeypatch.setenv("FOOTFALL_PRICING_DATABASE_URL", "postgresql://secret")
    os.kill(pool.pids[0], signal.SIGKILL)  # the next one starts with the environment of now
    assert await pool.run("acme", os.getenv, "FOOTFALL_PRICING_DATABASE_URL") is None


async def test_what_the_function_raised_is_told(pool: ComputePool) -> None:
    with pytest.raises(ComputingFailed, match="math domain error"):
        await pool.run("acme", math.sqrt, -1.0)
    assert await pool.run("acme", math.sqrt, 9.0) == 3, "the child lives on"


async def test_what_is_printed_does_not_end_up_in_answers(pool: ComputePool) -> None:
    assert await pool.run("acme", os.write, 1, b"noise") == 5
    assert await pool.run("acme", math.sqrt, 4.0) == 2


async def test_who_died_idle_is_replaced(pool: ComputePool) -> None:
    await pool.run("acme", abs, -1)
    [before] = pool.pids
    os.kill(before, signal.SIGKILL)
    assert await pool.run("acme", abs, -2) == 2
    assert pool.pids != [before]


async def test_what_kills_every_child_is_given_up(pool: ComputePool) -> None:
    with pytest.raises(ComputeAway):
        await pool.run("acme", os._exit, 1)
    assert await pool.run("acme", abs, -2) == 2


async def test_who_is_cancelled_does_not_wait(pool: ComputePool) -> None:
    await pool.run("acme", abs, -1)
    waiting = asyncio.create_task(pool.run("acme", time.sleep, 1.0))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await pool.run("acme", abs, -2) == 2, "the next piece waits its turn"


async def test_too_many_are_refused(pool: ComputePool) -> None:
    pieces = [asyncio.create_task(pool.run("acme", abs, -place)) for place in range(200)]
    done = await asyncio.gather(*pieces, return_exceptions=True)
    refused = [one for one in done if isinstance(one, ComputeAway)]
    assert 0 < len(refused) < 200
    assert [one for one in done if not isinstance(one, ComputeAway)] == list(
        range(200 - len(refused))
    )


async def test_owners_take_turns(pool: ComputePool) -> None:
    """Whoever has much to compute has it computed piece by piece, and others in between."""
    done: list[str] = []

    async def ask(owner: str) -> None:
        await pool.run(owner, abs, -1)
        done.append(owner)

    await asyncio.gather(*map(ask, ["acme"] * 10 + ["globex"] * 2))
    assert sorted(done[:4]) == ["acme", "acme", "globex", "globex"]
    assert done[4:] == ["acme"] * 8


async def test_one_owner_leaves_places_to_others(pool: ComputePool) -> None:
    asked = [asyncio.create_task(pool.run("acme", abs, -1)) for _ in range(64)]
    await asyncio.sleep(0)
    assert await pool.run("globex", abs, -2) == 2
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert [one for one in done if one != 1], "too many of one owner are refused"


async def test_closing_ends_the_children_and_tells_who_waits() -> None:
    pool = ComputePool()
    pool.start()
    await pool.run("acme", abs, -1)
    [child] = pool.pids
    waiting = asyncio.create_task(pool.run("acme", time.sleep, 600))
    await asyncio.sleep(0)
    await pool.close()
    with pytest.raises(ComputeAway):
        await waiting
    assert gone(child)
    with pytest.raises(ComputeAway):
        await pool.run("acme", abs, -1)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal is of Linux")
def test_a_child_dies_with_who_started_it() -> None:
    """Killed outright, in the middle of a piece that takes ten minutes."""
    with Popen([sys.executable, "-c", PARENT], stdout=PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    until = time.monotonic() + PATIENCE
    while not gone(child):
        assert time.monotonic() < until
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """Whether there is no such process, or only its shell, which nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
