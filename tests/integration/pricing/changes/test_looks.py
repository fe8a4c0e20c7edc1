"""What a look costs that finds little, among very many rows of very many organisations."""

from __future__ import annotations

from typing import Any

import pytest

from services.pricing.changes.queries import due
from services.pricing.changes.rules.reviews import REVIEW_DAYS
from shared.database import RawConnection
from tests.effecting import Hands
from tests.postgres import MigratedDatabase

ROWS = 30_000
"""Of each kind, thirty of each organisation; none is due."""

_REQUESTS = """
INSERT INTO app.approvals SELECT md5((n % 1000)::text)::uuid, md5('a' || n)::uuid, 'pro', 1, 1, 1,
  NULL, NULL, now(), now() + interval '9 days', now() FROM generate_series(1, {rows}) n
"""
_CHANGES = """
INSERT INTO app.price_changes SELECT md5((n % 1000)::text)::uuid, md5('a' || n)::uuid,
  md5('a' || n)::uuid, 1, sha256('x'), 1, 'pro', 1, 10, 9, 'EUR', state, 1, at, at,
  CASE WHEN state = 4 THEN at END, CASE WHEN state = 4 THEN at END, ''
FROM generate_series(1, {rows}) n, LATERAL (SELECT CASE WHEN n % 2 = 0 THEN 1 ELSE 4 END AS state,
  now() + CASE WHEN n % 2 = 0 THEN interval '9 days' ELSE interval '-900 days' END AS at) w
"""
_TIERS = """
INSERT INTO app.price_versions SELECT md5((n % 1000)::text)::uuid, 'pro-' || n, 1, 10, 'EUR',
  now(), NULL, now() + interval '9 days' FROM generate_series(1, {rows}) n
"""

ASKED = {
    "but": [], "of_one": 20, "limit": 200, "days": list(REVIEW_DAYS), "youngest": 30, "oldest": 120,
}  # fmt: skip
LOOKS = {
    due._SELECT_CHANGES: "price_changes_due",
    due._SELECT_EXPIRED: "approvals_expiring",
    due._SELECT_TIERS: "price_versions_reach",
    due._SELECT_REVIEWS: "price_changes_applied",
}


@pytest.fixture
def crowded(database: MigratedDatabase) -> MigratedDatabase:
    """Where nearly everything is still to come, or long over."""
    with database.connect() as admin:
        admin.execute(b"SET session_replication_role = replica")
        for statement in (_REQUESTS, _CHANGES, _TIERS):
            admin.execute(statement.format(rows=ROWS).encode())
        admin.execute(b"ANALYZE app.approvals, app.price_changes, app.price_versions")
    return database


@pytest.mark.usefixtures("crowded")
async def test_a_look_reads_what_is_due_and_not_what_is_to_come(worker: Hands) -> None:
    async with worker.across.across_tenants() as raw:
        for statement, index in LOOKS.items():
            plan = await explained(raw, statement)
            assert index in str(plan), plan
            assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 60, plan


async def explained(raw: RawConnection, statement: str) -> dict[str, Any]:
    explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
    row = await (await raw.execute(explain.encode(), ASKED)).fetchone()
    assert row is not None
    plan: dict[str, Any] = row[0][0]["Plan"]
    return plan


async def test_who_is_due_among_them_is_found(crowded: MigratedDatabase, worker: Hands) -> None:
    [(org_id, request), *_] = crowded.execute(
        "UPDATE app.approvals SET expires_at = now() WHERE approval_id = md5('a7')::uuid"
        " RETURNING org_id, approval_id"
    )
    assert request
    async with worker.across.across_tenants() as raw:
        assert [one.org_id for one in await due.select_expired(raw, [])] == [org_id]
        assert await due.select_expired(raw, [org_id]) == []
        assert await due.select_due_changes(raw, []) == []
