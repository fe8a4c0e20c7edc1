"""P15: RequestApproval against a bare durable insert, 16 in flight.

Both go through the same chain of one process and are on disk before they are answered. A request
reads what it freezes, is checked by the database, and leaves itself, its entry in the audit log and
its row for watches. Sixteen organisations ask at once, one each; then one asks sixteen times at
once, whose audit log takes one entry after the other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from google.type.money_pb2 import Money

from bench import ground, h2load
from bench.claim import Claim, Effort, Finding, WrongCount
from bench.ground import Base
from bench.pairs import interleaved
from bench.program import Program, started
from bench.select_one import PATH as INSERT_ONE
from footfall.pricing.v1 import approval_pb2
from shared.clock import SystemClock
from shared.identity.administration import credentials, organisations
from shared.identity.administration.credentials import KeyWish
from shared.identity.administration.desk import open_desk
from shared.identity.administration.organisations import OrganisationSettings
from shared.identity.identity import Role
from shared.schema import logins

_IN_FLIGHT = 16
_ASKED = "/footfall.pricing.v1.ApprovalService/RequestApproval"
_PORTS = {"FOOTFALL_PRICING_PORT": "0", "FOOTFALL_PRICING_METRICS_PORT": "0"}

_MESSAGE = approval_pb2.RequestApprovalRequest(
    tier_id="pro",
    proposed_price=Money(currency_code="EUR", units=9, nanos=500_000_000),
    reason="Competitors ask less, and half of the trials end at the price.",
).SerializeToString()

_FILL = (
    """INSERT INTO app.tiers (org_id, tier_id, display_name, description, currency, billing_period,
      value_metrics, retired, revision, created_at, updated_at)
    SELECT org_id, 'pro', 'Pro', '', 'EUR', 2, '[]', false, 1, now(), now()
    FROM app.organisations""",
    """INSERT INTO app.price_versions (org_id, tier_id, version, amount_minor, currency, valid_from)
    SELECT org_id, 'pro', 1, 1000, 'EUR', now() FROM app.organisations""",
    """INSERT INTO app.subscriptions (org_id, subscription_id, client_id, tier_id, started_at,
      revision)
    SELECT org_id, 's' || n, 'c' || n, 'pro', now(), 1
    FROM app.organisations, generate_series(1, 200) AS n""",
    "VACUUM (FREEZE, ANALYZE)",
    "CHECKPOINT",
)  # fmt: skip


async def measure(effort: Effort) -> AsyncIterator[Finding]:
    h2load.require()
    calls = 8_000 if effort.full else 1_600
    async with (
        ground.prepared() as prepared,
        prepared.base() as base,
        started("bench.served_approvals", {**base.environ, **_PORTS}) as server,
    ):
        keys = [base.key, *await _others(base, _IN_FLIGHT - 1)]
        base.administer(*_FILL)
        asked = 0
        for callers, whose in ((keys, "of 16 organisations"), (keys[:1], "of one organisation")):
            ratio = await interleaved(
                _side(server, callers, _ASKED, calls), _side(server, callers, INSERT_ONE, calls)
            )
            asked += calls * (ratio.pairs + 1)
            yield Finding(
                f"RequestApproval / a durable insert, {_IN_FLIGHT} in flight {whose}", ratio,
                "calls/s", 0.4, 0.7, _checked(server, base, asked),
            )  # fmt: skip


async def _others(base: Base, count: int) -> Sequence[str]:
    """The keys of so many organisations more."""
    made = []
    async with open_desk(base.urls[logins.OWNER], SystemClock(), "bench") as desk:
        for number in range(count):
            wanted = OrganisationSettings(f"Bench {number}", retention_days=None)
            org_id = await organisations.create(desk, wanted)
            key = await credentials.create_key(desk, org_id, KeyWish(Role.SERVICE, "backend"))
            made.append(key.key.text)
    return made


def _side(
    server: Program, keys: Sequence[str], path: str, calls: int
) -> Callable[[], Awaitable[float]]:
    """All callers at once, each with its part of the calls and of those in flight."""

    async def one(key: str) -> None:
        await h2load.fire(
            server,
            path,
            key=key,
            calls=calls // len(keys),
            in_flight=_IN_FLIGHT // len(keys),
            message=_MESSAGE,
        )

    async def side() -> float:
        began = time.monotonic()
        await asyncio.gather(*map(one, keys))
        return calls / (time.monotonic() - began)

    return side


def _checked(server: Program, base: Base, asked: int) -> str:
    """That each was answered with OK, kept, and put on record."""
    answered = server.answered(_ASKED)
    kept = base.execute("SELECT count(*) FROM app.approvals")[0][0]
    entries = base.execute(
        "SELECT count(*) FROM app.audit_entries WHERE action = 'approval.request'"
    )[0][0]
    if not answered == kept == entries == asked:
        raise WrongCount(f"{asked} asked, {answered} OK, {kept} kept, {entries} on record")
    return f"{kept:,} OK, kept and in the audit log"


CLAIM = Claim("p15", "Requests for approval against a bare durable insert", measure)
