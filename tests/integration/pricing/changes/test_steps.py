"""The worker's steps as a program runs them: how long they rest, and what operators see of them."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

from prometheus_client import CollectorRegistry

from services.pricing.changes.usecases.steps import Effects
from tests.bargaining import running_pricing_worker
from tests.effecting import EFFECTIVE, Hands, reach_at, state_of
from tests.guarding import ANN, Till


async def test_a_step_rests_where_nothing_is_left_and_counts_what_it_did(
    till: Till, worker: Hands
) -> None:
    registry = CollectorRegistry()
    effects = Effects(worker.database, worker.across, worker.clock, registry)
    till.subscribe()
    till.agreed(900)
    late = till.request(ANN, 950)
    till.database.execute(
        "UPDATE app.approvals SET expires_at = now() WHERE approval_id = %s", late
    )
    assert await effects.expire_due() == 0
    assert await effects.apply_due() == 0
    assert await effects.reach_due() == 0
    for step in effects.steps:
        assert await step() > 0
    counts = {
        "footfall_pricing_applied_changes_total": {"state": "EFFECTIVE"},
        "footfall_pricing_expired_approvals_total": {},
        "footfall_pricing_reached_subscriptions_total": {},
    }
    for name, labels in counts.items():
        assert registry.get_sample_value(name, labels) == 1, name
    assert registry.get_sample_value("footfall_pricing_due_changes") == 0
    assert registry.get_sample_value("footfall_pricing_due_seconds") == 0


async def test_operators_see_for_how_long_a_change_has_been_due(till: Till, worker: Hands) -> None:
    registry = CollectorRegistry()
    effects = Effects(worker.database, worker.across, worker.clock, registry)
    till.travel(till.agreed(900), timedelta(minutes=10))
    till.database.execute("REVOKE INSERT ON app.audit_entries FROM footfall_pricing")
    assert await effects.apply_due() > 0
    assert registry.get_sample_value("footfall_pricing_due_changes") == 1
    assert (registry.get_sample_value("footfall_pricing_due_seconds") or 0) >= 600


async def test_a_running_worker_does_it_all_by_itself(till: Till) -> None:
    till.subscribe()
    async with running_pricing_worker(till.database) as worker:
        change = till.agreed(900)
        deadline = time.monotonic() + 60
        while state_of(till, change) != EFFECTIVE or reach_at(till) is not None:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        assert till.pays() == 900
        assert worker.process.returncode is None
    assert not [one for one in worker.events() if one["level"] in {"warning", "error"}]
