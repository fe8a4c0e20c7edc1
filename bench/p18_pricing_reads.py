"""P18: what is sold, what is paid and what is asked for, against a SELECT 1 RPC, 16 in flight.

All go through the same chain of one process, and ask the database by the same door. There are 1,000
tiers, each with five prices and an increase that is announced, and 10,000 subscriptions, two of a
client, half of whom were told of it. The request for a price was made by the service itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from google.type.money_pb2 import Money
from grpc import aio

from bench import ground, h2load
from bench.claim import Claim, Effort, Finding, WrongCount
from bench.ground import Base
from bench.pairs import interleaved
from bench.program import Program, started
from bench.select_one import PATH as SELECT_ONE
from footfall.pricing.v1 import approval_pb2, approval_service_pb2_grpc, price_pb2

_IN_FLIGHT = 16
_PRICING = "/footfall.pricing.v1.PricingService/"
_GET_APPROVAL = "/footfall.pricing.v1.ApprovalService/GetApproval"
_GET_TIER = price_pb2.GetTierRequest(tier_id="tier-7").SerializeToString()
_OF_A_CLIENT = price_pb2.ListSubscriptionsRequest(client_id="client-7").SerializeToString()

# As a replica takes rows: what was agreed to for each price is left out.
_FILL = (
    "SET session_replication_role = replica",
    """INSERT INTO app.tiers SELECT '{org}', 'tier-' || t, 'Tier ' || t, 'What is in it', 'EUR', 2,
      '[{{"name": "users", "low_minor": 500, "high_minor": 900, "usual_units": 12.0}}]', 300, 500,
      false, 1, now() - interval '3 years', now() - interval '1 year'
    FROM generate_series(1, {tiers}) AS t""",
    """INSERT INTO app.price_versions (org_id, tier_id, version, amount_minor, currency, valid_from,
      valid_to, price_change_id, approval_id, content_hash)
    SELECT '{org}', 'tier-' || t, v, 1000 + 10 * v, 'EUR',
      now() - interval '1 month' * (36 - 6 * v),
      CASE WHEN v < 5 THEN now() - interval '1 month' * (30 - 6 * v) END,
      CASE WHEN v > 1 THEN gen_random_uuid() END, CASE WHEN v > 1 THEN gen_random_uuid() END,
      CASE WHEN v > 1 THEN sha256('') END
    FROM generate_series(1, {tiers}) AS t, generate_series(1, 5) AS v""",
    """INSERT INTO app.price_changes (org_id, price_change_id, approval_id, revision, content_hash,
      verdict, tier_id, base_version, old_minor, new_minor, currency, state, etag, approved_at,
      effective_at, problem)
    SELECT '{org}', gen_random_uuid(), gen_random_uuid(), 1, sha256(''), 1, 'tier-' || t, 5, 1050,
      1100, 'EUR', 2, 1, now() - interval '5 days', now() + interval '25 days', ''
    FROM generate_series(1, {tiers}) AS t""",
    """INSERT INTO app.subscriptions SELECT '{org}', 'subscription-' || s,
      'client-' || s % {clients}, 'tier-' || 1 + s % 999, now() - interval '1 year', NULL, 1
    FROM generate_series(1, {subscriptions}) AS s""",
    """INSERT INTO app.subscription_prices SELECT '{org}', 'subscription-' || s,
      now() - interval '1 month', 'tier-' || 1 + s % 999, 5
    FROM generate_series(1, {subscriptions}) AS s""",
    """INSERT INTO app.price_notices SELECT '{org}', c.price_change_id, s.client_id,
      now() - interval '1 day', now() + interval '29 days', now(), 'bench', 'mail'
    FROM app.price_changes AS c JOIN app.subscriptions AS s USING (org_id, tier_id)
    WHERE right(s.client_id, 1) IN ('1', '3', '5', '7', '9')
    ON CONFLICT DO NOTHING""",
    "VACUUM (FREEZE, ANALYZE)",
    "CHECKPOINT",
)
_SIZES = {"tiers": 1000, "subscriptions": 10_000, "clients": 5000}
_PORTS = {"FOOTFALL_PRICING_PORT": "0", "FOOTFALL_PRICING_METRICS_PORT": "0"}


async def measure(effort: Effort) -> AsyncIterator[Finding]:
    h2load.require()
    calls = 20_000 if effort.full else 6_000
    async with (
        ground.prepared() as prepared,
        prepared.base() as base,
        started("bench.served_pricing", {**base.environ, **_PORTS}) as server,
    ):
        base.administer(*(one.format(**_SIZES, org=base.org_id) for one in _FILL))
        asked = (
            ("GetTier", _PRICING + "GetTier", _GET_TIER),
            ("ListSubscriptions of a client", _PRICING + "ListSubscriptions", _OF_A_CLIENT),
            ("GetApproval", _GET_APPROVAL, await _requested(server, base)),
        )
        for name, path, message in asked:
            ratio = await interleaved(
                _side(server, base, path, message, calls),
                _side(server, base, SELECT_ONE, _GET_TIER, calls),
            )
            yield Finding(
                f"{name} / a SELECT 1 RPC, {_IN_FLIGHT} in flight", ratio, "calls/s", 0.5, 0.8,
                _checked(server, path, calls * (ratio.pairs + 1)),
            )  # fmt: skip


async def _requested(server: Program, base: Base) -> bytes:
    """The question for a request that somebody made."""
    request = approval_pb2.RequestApprovalRequest(
        tier_id="tier-7", proposed_price=Money(currency_code="EUR", units=12), reason="Bench"
    )
    metadata = (("authorization", f"Bearer {base.key}"),)
    async with aio.insecure_channel(server.address) as channel:
        stub: Any = approval_service_pb2_grpc.ApprovalServiceStub(channel)
        made = await stub.RequestApproval(request, metadata=metadata, timeout=30.0)
    question = approval_pb2.GetApprovalRequest(approval_id=made.approval.approval_id)
    return question.SerializeToString()


def _side(
    server: Program, base: Base, path: str, message: bytes, calls: int
) -> Callable[[], Awaitable[float]]:
    async def side() -> float:
        fired = await h2load.fire(
            server, path, key=base.key, calls=calls, in_flight=_IN_FLIGHT, message=message
        )
        return fired.per_second

    return side


def _checked(server: Program, path: str, calls: int) -> str:
    """That all were answered with OK, by the server's own count."""
    answered = server.answered(path)
    if answered != calls:
        raise WrongCount(f"{calls} calls were made, {answered} answered with OK")
    return f"{answered:,} OK by the server's own count"


CLAIM = Claim("p18", "Tiers, subscriptions and requests against a bare question", measure)
