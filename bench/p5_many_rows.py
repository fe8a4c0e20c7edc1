"""P5: batches as in P4 into a table that holds ten million events against one of 100,000.

Two databases of one cluster with a service each, measured in turn, once with random (v4) ids and
once with v7 ids. `--rows` chooses another number than ten million.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from bench import ground
from bench.batches import batch, sending
from bench.claim import Claim, Effort, Finding, WrongCount
from bench.filling import fill
from bench.ground import Ground
from bench.pairs import interleaved

_FEW = 100_000
_TARGETS = {4: (0.6, 0.8), 7: (0.8, 0.95)}


async def measure(effort: Effort) -> AsyncIterator[Finding]:
    many = effort.rows or (10_000_000 if effort.full else 1_000_000)
    async with ground.prepared() as prepared:
        for version in _TARGETS:
            yield await _compared(prepared, version, many)


async def _compared(prepared: Ground, version: int, many: int) -> Finding:
    async with (
        prepared.base() as big,
        prepared.base() as small,
        ground.serving(big) as big_server,
        ground.serving(small) as small_server,
        sending(big, big_server) as to_big,
        sending(small, small_server) as to_small,
    ):
        fill(big, many, version)
        fill(small, _FEW, version)

        async def into_big() -> float:
            return await to_big.send([batch(version) for _ in range(20)])

        async def into_small() -> float:
            return await to_small.send([batch(version) for _ in range(20)])

        ratio = await interleaved(into_big, into_small)
        rows, few = big.rows(), small.rows()
        if rows != many + to_big.accepted or few != _FEW + to_small.accepted:
            raise WrongCount(f"{rows} and {few} rows are not what was accepted")
        must, aim = _TARGETS[version]
        return Finding(
            f"batches with {many:,} events present / with {_FEW:,}, v{version} ids", ratio,
            "events/s", must, aim, f"{rows:,} and {few:,} rows at the end",
        )  # fmt: skip


CLAIM = Claim("p5", "Batches into many rows against few", measure)
