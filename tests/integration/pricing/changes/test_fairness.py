"""Organisations that have much to do, or for which it fails, and the others."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.pricing.changes.queries import due
from tests.effecting import EFFECTIVE, STALE, Hands, acts, shop, state_of
from tests.guarding import Till
from tests.postgres import MigratedDatabase


async def test_an_older_change_that_fails_once_still_comes_first(till: Till, worker: Hands) -> None:
    older, newer = till.agreed(900), till.agreed(800)
    till.database.execute(
        "ALTER TABLE app.audit_entries ADD CONSTRAINT not_now"
        f" CHECK (action <> 'price_change.apply' OR target <> '{older}')"
    )
    assert (await worker.applying.apply_due()).changes == []
    assert (state_of(till, older), state_of(till, newer)) == (1, 1)
    till.database.execute("ALTER TABLE app.audit_entries DROP CONSTRAINT not_now")
    [applied] = (await worker.applying.apply_due()).changes
    assert applied.price_change_id == older
    assert (state_of(till, older), state_of(till, newer)) == (EFFECTIVE, STALE)
    assert acts(till, newer) == {"price_change.stale": 1}


async def test_one_with_much_to_do_that_fails_delays_no_other(
    database: MigratedDatabase, till: Till, worker: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due, "_AT_ONCE", 5)
    for number in range(8):
        till.tier(f"tier-{number}")
        till.travel(till.agreed(900, f"tier-{number}"), timedelta(hours=1))
    globex = shop(database, "Globex")
    change = globex.agreed(900)
    database.execute(
        f"ALTER TABLE app.audit_heads ADD CONSTRAINT not_theirs CHECK (org_id <> '{till.org}')"
    )
    applied = await worker.applying.apply_due()
    assert [one.price_change_id for one in applied.changes] == [change]
    assert globex.price() == 900


async def test_each_look_takes_a_few_of_each(
    database: MigratedDatabase, till: Till, worker: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due, "_OF_ONE", 2)
    for number in range(4):
        till.tier(f"tier-{number}")
        till.subscribe(f"s-{number}", f"c-{number}", f"tier-{number}")
        till.agreed(900, f"tier-{number}")
    globex = shop(database, "Globex")
    theirs = globex.agreed(900)
    first = await worker.applying.apply_due()
    assert len(first.changes) == 3
    assert theirs in [one.price_change_id for one in first.changes]
    assert len((await worker.applying.apply_due()).changes) == 2
    reaching = worker.reaching
    assert await reaching.reach_due() + await reaching.reach_due() <= 4
    assert await worker.reach_all() <= 4
    assert [till.pays(f"s-{number}") for number in range(4)] == [900] * 4
