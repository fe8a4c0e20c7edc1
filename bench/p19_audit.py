"""P19: entries of an audit log verified a second, by the RPC and by the command.

Against reading the same rows, piece by piece in one snapshot on one connection, and one SHA-256
over each. Then what a verification costs others: the time of a call to the same process meanwhile.
"""

from __future__ import annotations

import asyncio
import hashlib
import statistics
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import psycopg
from click.testing import CliRunner
from grpc import aio

from bench import ground
from bench.claim import Claim, Effort, Finding, WrongCount
from bench.ground import Base
from bench.pairs import interleaved
from bench.program import started
from footfall.audit.v1 import audit_pb2 as pb
from footfall.audit.v1 import audit_pb2_grpc
from services.cli.__main__ import main
from shared.audit_chain import START, entry_hash, kept
from shared.clock import SystemClock
from shared.identity.administration import credentials
from shared.identity.administration.credentials import KeyWish
from shared.identity.administration.desk import open_desk
from shared.identity.identity import Role
from shared.schema import logins

_FLOOR = 50_000
_PIECE = 500
_MILLI = 1000
_PORTS = {"FOOTFALL_PRICING_PORT": "0", "FOOTFALL_PRICING_METRICS_PORT": "0"}
_COPY = "COPY app.audit_entries FROM STDIN (FORMAT binary)"
_TYPES = ["uuid", "int8", "timestamptz", "text", "text", "text", "text", "jsonb", "bytea", "bytea"]
_READ = """SELECT sequence, recorded_at, actor, actor_role, action, target, details::text,
  previous_hash, entry_hash FROM app.audit_entries
  WHERE org_id = %s AND sequence > %s ORDER BY sequence LIMIT %s"""
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


async def measure(effort: Effort) -> AsyncIterator[Finding]:
    entries = effort.rows or (1_000_000 if effort.full else 200_000)
    async with (
        ground.prepared() as prepared,
        prepared.base() as base,
        _audited(base, entries) as log,
    ):
        by_rpc = await interleaved(log.rpc, log.read)
        checked = f"{entries:,} entries, all fit, each time"
        yield Finding(
            "entries verified a second, VerifyAuditLog / read with a SHA-256 each", by_rpc,
            "entries/s", 0.25, 0.5, checked, notes=[_floor(by_rpc.ours)],
        )  # fmt: skip
        by_command = await interleaved(log.command, log.read)
        yield Finding(
            "the same by `footfall audit verify`, without the start of Python", by_command,
            "entries/s", 0.25, 0.5, checked, notes=[_floor(by_command.ours)],
        )  # fmt: skip
        waits = await interleaved(log.wait_meanwhile, log.wait_alone)
        yield Finding(
            "time of a call to the same process during a verification / without one, 1 in flight",
            waits.times(_MILLI), "ms", 4, 2, "ListAuditEntries of one entry", lower_is_better=True,
        )  # fmt: skip


def _floor(rate: float) -> str:
    return f"{rate / _FLOOR:.2f} of the {_FLOOR:,} entries/s that were promised"


@dataclass
class _Log:
    """A log, a service that verifies it, and somebody who may ask."""

    base: Base
    org_id: UUID
    entries: int
    stub: Any
    metadata: tuple[tuple[str, str], ...]
    environ: Mapping[str, str]

    async def rpc(self) -> float:
        began = time.perf_counter()
        answer = await self.stub.VerifyAuditLog(
            pb.VerifyAuditLogRequest(), metadata=self.metadata, timeout=600
        )
        took = time.perf_counter() - began
        if not answer.valid or answer.entries < self.entries:
            raise WrongCount(f"{answer.entries} entries fit: {answer.problem}")
        return float(answer.entries / took)

    async def command(self) -> float:
        return await asyncio.to_thread(self._verify)

    async def read(self) -> float:
        return await asyncio.to_thread(self._read)

    async def wait_alone(self) -> float:
        return await self._wait(200)

    async def wait_meanwhile(self) -> float:
        verifying = asyncio.create_task(self.rpc())
        await asyncio.sleep(0.1)
        waited = await self._wait(200, until=verifying)
        await verifying
        return waited

    async def _wait(self, calls: int, until: asyncio.Task[float] | None = None) -> float:
        """The median of so many, as long as the other one runs."""
        times = []
        for _ in range(calls):
            began = time.perf_counter()
            request = pb.ListAuditEntriesRequest(page_size=1)
            await self.stub.ListAuditEntries(request, metadata=self.metadata, timeout=60)
            times.append(time.perf_counter() - began)
            if until is not None and until.done():
                break
        return statistics.median(times)

    def _read(self) -> float:
        began, read, last = time.perf_counter(), 0, b""
        with psycopg.connect(self.base.urls[logins.OWNER]) as connection:
            while rows := self._piece(connection, read):
                for row in rows:
                    last = hashlib.sha256(last + row[6].encode()).digest()
                read += len(rows)
        if read < self.entries:
            raise WrongCount(f"{read} entries were read")
        return read / (time.perf_counter() - began)

    def _piece(self, connection: psycopg.Connection[Any], after: int) -> list[Any]:
        cursor = connection.cursor(binary=True)
        return cursor.execute(_READ, (self.org_id, after, _PIECE), prepare=True).fetchall()

    def _verify(self) -> float:
        words = ["audit", "verify", "--org", str(self.org_id), "--json"]
        began = time.perf_counter()
        said = CliRunner().invoke(main, words, env=self.environ)
        took = time.perf_counter() - began
        if said.exit_code or orjson.loads(said.stdout)["logs"][0]["entries"] < self.entries:
            raise WrongCount(said.output)
        return self.entries / took


@asynccontextmanager
async def _audited(base: Base, entries: int) -> AsyncIterator[_Log]:
    """An organisation whose log has so many entries, of its own making first."""
    async with open_desk(base.urls[logins.OWNER], SystemClock(), "bench") as desk:
        wish = KeyWish(Role.OWNER, "auditor")
        made = await credentials.create_key(desk, base.org_id, wish)
    await asyncio.to_thread(_fill, base, entries)
    base.administer("VACUUM (ANALYZE) app.audit_entries", "CHECKPOINT")
    async with (
        started("services.pricing", {**base.environ, **_PORTS}) as service,
        aio.insecure_channel(service.address, (("grpc.enable_http_proxy", 0),)) as channel,
    ):
        metadata = (("authorization", f"Bearer {made.key.text}"),)
        stub = audit_pb2_grpc.AuditServiceStub(channel)
        yield _Log(base, base.org_id, entries, stub, metadata, base.environ)


def _fill(base: Base, entries: int) -> None:
    """Behind what is there, as the service would have written it, by COPY."""
    org_id = base.org_id
    with psycopg.connect(base.urls[logins.OWNER]) as connection:
        head = "SELECT sequence, entry_hash FROM app.audit_heads WHERE org_id = %s"
        number, last = connection.execute(head, (org_id,)).fetchone() or (0, START)
        with connection.cursor().copy(_COPY) as copy:
            copy.set_types(_TYPES)
            for sequence in range(number + 1, number + entries + 1):
                row, last = _entry(org_id, sequence, last)
                copy.write_row(row)
        moved = "UPDATE app.audit_heads SET sequence = %s, entry_hash = %s WHERE org_id = %s"
        connection.execute(moved, (number + entries, last, org_id))


def _entry(org_id: UUID, sequence: int, previous: bytes) -> tuple[tuple[Any, ...], bytes]:
    at = _BEGAN + timedelta(milliseconds=sequence)
    said = {"actor": "ann@acme.example", "actor_role": "admin", "action": "approval.approve"}
    target = str(UUID(int=sequence))
    details = kept(
        {
            "tier_id": "professional",
            "revision": sequence % 7,
            "current_minor": 4900,
            "proposed_minor": 5400,
            "currency": "EUR",
            "content_hash": hashlib.sha256(target.encode()).hexdigest(),
            "notes": "The price follows the cost of serving it; see the review of October.",
        }
    )
    digest = entry_hash(
        previous,
        {
            "org_id": str(org_id),
            "sequence": sequence,
            "recorded_at": at.isoformat(timespec="microseconds"),
            "target": target,
            "details": details,
            **said,
        },
    )
    words = said["actor"], said["actor_role"], said["action"]
    stored = psycopg.types.json.Jsonb(details, dumps=lambda text: text)
    return (org_id, sequence, at, *words, target, stored, previous, digest), digest


CLAIM = Claim("p19", "Verifying an audit log", measure)
