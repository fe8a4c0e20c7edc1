"""P14: GetBehaviourProfile and GetClientSignals against a SELECT 1 RPC, 16 in flight.

All three go through the same chain of one process, and ask the database once, by the same door. The
user was active on 200 days of the last year, the client on 90 of the last 90, among others like
them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from bench import ground, h2load
from bench.claim import Claim, Effort, Finding, WrongCount
from bench.ground import Base
from bench.pairs import interleaved
from bench.program import Program, started
from bench.select_one import PATH as SELECT_ONE
from footfall.insights.v1 import profile_requests_pb2, signals_pb2

_IN_FLIGHT = 16
_SERVICE = "/footfall.insights.v1.InsightService/"
_ASKED = (
    (
        "GetBehaviourProfile",
        profile_requests_pb2.GetBehaviourProfileRequest(user_id="user-7").SerializeToString(),
    ),
    (
        "GetClientSignals",
        signals_pb2.GetClientSignalsRequest(client_id="client-7").SerializeToString(),
    ),
)

_USERS, _CLIENTS, _FEATURES = 500, 200, 8
_FILL = (
    """INSERT INTO app.user_day SELECT '{org}', current_date - d, 'user-' || u, 20, 2, 5, 10, 1, 1,
      CASE WHEN d % 20 = 0 THEN 1 ELSE 0 END, 1, 2, 1, 3, 12, 6, 3, 9, 0,
      now() - interval '1 day' * d, now() - interval '1 day' * d
    FROM generate_series(0, 363) AS d, generate_series(1, {users}) AS u WHERE d % 20 < 11""",
    """INSERT INTO app.client_day SELECT '{org}', current_date - d, 'client-' || c, 50, 5,
      20 + c % 30, 3, 3, 1, 0, now() - interval '1 day' * d, now() - interval '1 day' * d
    FROM generate_series(0, 89) AS d, generate_series(1, {clients}) AS c""",
    """INSERT INTO app.feature_day SELECT '{org}', current_date - d, 2, 'feature-' || f,
      'client-' || c, 3, 1 FROM generate_series(0, 89) AS d, generate_series(1, {clients}) AS c,
      generate_series(1, {features}) AS f""",
    """INSERT INTO app.client_revenue_day SELECT '{org}', 'client-' || c, 'EUR',
      current_date - d, 1, 49000000, 0
    FROM generate_series(0, 360, 30) AS d, generate_series(1, {clients}) AS c""",
    """INSERT INTO app.customer_actions SELECT '{org}', gen_random_uuid(), 'user-' || u, '', 1, 1,
      'sales_execution', NULL, NULL, '', now() - interval '1 day' * d, now(), 'bench'
    FROM generate_series(0, 300, 30) AS d, generate_series(1, {users}) AS u""",
    "VACUUM (FREEZE, ANALYZE)",
    "CHECKPOINT",
)  # fmt: skip


async def measure(effort: Effort) -> AsyncIterator[Finding]:
    h2load.require()
    calls = 20_000 if effort.full else 6_000
    async with (
        ground.prepared() as prepared,
        prepared.base() as base,
        started("bench.served_insight", {**base.environ, **_PORTS}) as server,
    ):
        base.administer(*(one.format(**_SIZES, org=base.org_id) for one in _FILL))
        for name, message in _ASKED:
            ratio = await interleaved(
                _side(server, base, _SERVICE + name, message, calls),
                _side(server, base, SELECT_ONE, _ASKED[0][1], calls),
            )
            yield Finding(
                f"{name} / a SELECT 1 RPC, {_IN_FLIGHT} in flight", ratio, "calls/s", 0.5, 0.8,
                _checked(server, _SERVICE + name, calls * (ratio.pairs + 1)),
            )  # fmt: skip


_PORTS = {"FOOTFALL_INSIGHT_PORT": "0", "FOOTFALL_INSIGHT_METRICS_PORT": "0"}
_SIZES = {"users": _USERS, "clients": _CLIENTS, "features": _FEATURES}


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


CLAIM = Claim("p14", "Profiles and signals against a bare question to the database", measure)
