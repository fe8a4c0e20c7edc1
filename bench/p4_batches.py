"""P4: IngestEvents with roll-ups and verdicts against COPY BINARY into an equal table, events/s."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from bench import ground
from bench.batches import SIZE, Batch, Sender, batch, sending
from bench.claim import Claim, Effort, Finding, WrongCount
from bench.copying import Copier, copying
from bench.ground import Base
from bench.pairs import Ratio, interleaved

_MUST, _AIM = 0.5, 0.7


async def measure(effort: Effort) -> AsyncIterator[Finding]:
    count = 80 if effort.full else 40
    async with (
        ground.prepared() as prepared,
        prepared.base() as base,
        ground.serving(base) as server,
        sending(base, server) as sender,
        copying(base) as copier,
    ):

        async def rows(batches: Sequence[Batch]) -> list[Any]:
            return await copier.values(base, batches)

        async def packed(batches: Sequence[Batch]) -> list[bytes]:
            return await copier.packed(base, batches)

        ratio = await _compared(sender, count, rows, copier.pack_and_write)
        yield _finding("COPY BINARY of rows that psycopg packs", ratio, base, sender, copier)
        ratio = await _compared(sender, count, packed, copier.write)
        yield _finding("COPY BINARY of bytes packed before", ratio, base, sender, copier)


async def _compared(
    sender: Sender,
    count: int,
    read: Callable[[Sequence[Batch]], Awaitable[list[Any]]],
    write: Callable[[list[Any]], Awaitable[float]],
) -> Ratio:
    stored: list[Any] = []

    async def ours() -> float:
        batches = [batch() for _ in range(count)]
        rate = await sender.send(batches)
        stored[:] = await read(batches)
        return rate

    async def copied() -> float:
        return await write(stored)

    return await interleaved(ours, copied)


def _finding(baseline: str, ratio: Ratio, base: Base, sender: Sender, copier: Copier) -> Finding:
    rows, equal = base.rows(), base.execute("SELECT count(*) FROM app.copied")[0][0]
    if not rows == equal == sender.accepted == copier.copied:
        raise WrongCount(f"{sender.accepted} accepted, {rows} stored, {equal} copied")
    return Finding(
        f"IngestEvents, {SIZE} a call, 4 in flight / {baseline}", ratio, "events/s", _MUST, _AIM,
        f"{rows:,} rows = accepted = copied",
    )  # fmt: skip


CLAIM = Claim("p4", "Batches with roll-ups and verdicts against COPY", measure)
