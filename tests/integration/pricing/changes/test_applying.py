"""A change takes effect once, at its time, with all that follows from it in one transaction."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from services.pricing.changes.errors import (
    AlreadyApplied,
    NotDue,
    PriceChangeNotFound,
    PriceChangeOver,
)
from services.pricing.changes.usecases.applying import apply_price_change
from tests.bargaining import age
from tests.effecting import (
    CANCELLED,
    EFFECTIVE,
    FAILED,
    STALE,
    SUPERSEDED,
    Hands,
    acts,
    audited,
    change_row,
    listen,
    logged,
    messages,
    ripen,
    shop,
    state_of,
    versions,
)
from tests.guarding import ANN, BOB, CARL, NOTICE, Till
from tests.postgres import MigratedDatabase

SECOND = timedelta(seconds=1)
NOBODY = UUID(int=1)


async def test_a_decrease_takes_effect_at_the_next_look(till: Till, worker: Hands) -> None:
    change = till.agreed(900)
    applied = await worker.applying.apply_due()
    assert [one.price_change_id for one in applied.changes] == [change]
    assert versions(till) == [(1, 1000, False), (2, 900, True)]
    assert state_of(till, change) == EFFECTIVE
    [(action, target, details)] = audited(till)
    assert (action, target) == ("price_change.apply", str(change))
    assert (details["old_minor"], details["new_minor"]) == (1000, 900)
    assert details["content_hash"] == till.state(change)[2].hex()
    assert (await worker.applying.apply_due()).found == 0


async def test_an_increase_waits_until_its_notice_has_run(till: Till, worker: Hands) -> None:
    change = till.agreed(1100)
    till.travel(change, NOTICE - timedelta(seconds=60))
    assert (await worker.applying.apply_due()).found == 0
    with pytest.raises(NotDue):
        await apply_price_change(worker.database, till.org, change)
    till.travel(change, timedelta(seconds=61))
    applied = await worker.applying.apply_due()
    assert applied.found == 1
    assert 1 <= applied.behind_seconds < 60
    assert till.price() == 1100


async def test_the_price_holds_from_the_time_that_was_agreed_however_late_the_worker_is(
    till: Till, worker: Hands
) -> None:
    change = till.agreed(1100)
    till.travel(change, NOTICE + timedelta(days=3))
    await worker.applying.apply_due()
    row = change_row(till, change)
    assert row["applied_at"] > row["effective_at"]
    [(old_until, new_from, agreed)] = till.database.execute(
        "SELECT o.valid_to, n.valid_from, c.effective_at FROM app.price_changes c"
        " JOIN app.price_versions o ON o.org_id = c.org_id AND o.version = 1"
        " JOIN app.price_versions n ON n.org_id = c.org_id AND n.version = 2"
        " WHERE c.org_id = %s", till.org,
    )  # fmt: skip
    assert old_until == new_from == agreed


async def test_what_was_missed_is_caught_up_with_the_oldest_first(
    database: MigratedDatabase, till: Till, worker: Hands
) -> None:
    others = [shop(database, f"Shop {number}") for number in range(3)]
    expected: list[UUID] = []
    for days, one in enumerate([till, *others]):
        change = one.agreed(1100)
        one.travel(change, NOTICE + timedelta(days=days))
        expected.insert(0, change)
    applied = await worker.applying.apply_due()
    assert [one.price_change_id for one in applied.changes] == expected
    assert applied.behind_seconds > timedelta(days=3).total_seconds()


async def test_the_one_before_is_superseded_and_what_waited_for_its_base_is_stale(
    till: Till, worker: Hands
) -> None:
    listen(till)
    first = till.agreed(900)
    await worker.applying.apply_due()
    second, doomed = till.agreed(1100), till.agreed(1200)
    waiting, wanted = till.request(ANN, 950), till.request(CARL, 970)
    till.decide(BOB, wanted, 3)
    ripen(till, [second])
    await worker.applying.apply_due()
    ends = [state_of(till, one) for one in (first, second, doomed)]
    assert ends == [SUPERSEDED, EFFECTIVE, STALE]
    assert [till.state(one)[0] for one in (waiting, wanted)] == [STALE, STALE]
    assert acts(till, first) == {"price_change.apply": 1, "price_change.supersede": 1}
    assert acts(till, second) == {"price_change.apply": 1}
    assert acts(till, doomed) == {"price_change.stale": 1}
    assert acts(till, waiting) == acts(till, wanted) == {"approval.stale": 1}
    assert sorted(logged(till)) == sorted([waiting, wanted])
    told = [(body["data"]["price_change_id"], body["data"]["state"]) for _, body in messages(till)]
    assert set(told) == {
        (str(first), "PRICE_CHANGE_STATE_EFFECTIVE"),
        (str(second), "PRICE_CHANGE_STATE_EFFECTIVE"),
        (str(doomed), "PRICE_CHANGE_STATE_STALE"),
    }


async def test_other_tiers_and_organisations_are_left_alone(
    database: MigratedDatabase, till: Till, worker: Hands
) -> None:
    till.tier("max", 5000)
    globex = shop(database, "Globex")
    untouched = [till.request(ANN, 4000, tier="max"), globex.request(ANN, 900)]
    kept = till.agreed(4500, "max")
    till.travel(kept, -timedelta(days=1))
    till.agreed(900)
    assert len((await worker.applying.apply_due()).changes) == 1
    assert [till.state(untouched[0])[0], globex.state(untouched[1])[0]] == [1, 1]
    assert state_of(till, kept) == 1
    assert versions(till, "max") == [(1, 5000, True)]
    assert audited(globex) == []


async def test_of_two_that_are_due_the_older_wins_and_the_other_is_stale(
    till: Till, worker: Hands
) -> None:
    older, newer = till.agreed(900), till.agreed(800)
    applied = await worker.applying.apply_due()
    assert [one.price_change_id for one in applied.changes] == [older]
    assert [state_of(till, one) for one in (older, newer)] == [EFFECTIVE, STALE]
    assert change_row(till, newer)["problem"] == "Another price came into force before its time."
    assert till.price() == 900
    with pytest.raises(PriceChangeOver):
        await apply_price_change(worker.database, till.org, newer)


async def test_what_the_database_refuses_is_failed_and_says_by_which_rule(
    till: Till, worker: Hands
) -> None:
    listen(till)
    change = till.agreed(900)
    till.database.execute(
        "ALTER TABLE app.price_versions ADD CONSTRAINT never_cheap CHECK (amount_minor > 950)"
    )
    await worker.applying.apply_due()
    assert state_of(till, change) == FAILED
    assert "never_cheap" in change_row(till, change)["problem"]
    assert versions(till) == [(1, 1000, True)]
    assert acts(till, change) == {"price_change.fail": 1}
    assert [body["data"]["state"] for _, body in messages(till)] == ["PRICE_CHANGE_STATE_FAILED"]
    assert (await worker.applying.apply_due()).found == 0


async def test_a_second_application_is_refused(till: Till, worker: Hands) -> None:
    change = till.agreed(900)
    await apply_price_change(worker.database, till.org, change)
    with pytest.raises(AlreadyApplied):
        await apply_price_change(worker.database, till.org, change)
    with pytest.raises(PriceChangeNotFound):
        await apply_price_change(worker.database, till.org, NOBODY)
    assert acts(till, change) == {"price_change.apply": 1}


async def test_without_its_audit_row_nothing_takes_effect(till: Till, worker: Hands) -> None:
    change = till.agreed(900)
    till.database.execute("REVOKE INSERT ON app.audit_entries FROM footfall_pricing")
    assert (await worker.applying.apply_due()).changes == []
    assert versions(till) == [(1, 1000, True)]
    assert state_of(till, change) == 1


async def test_one_that_fails_stops_no_other(
    database: MigratedDatabase, till: Till, worker: Hands, caplog: pytest.LogCaptureFixture
) -> None:
    """What went wrong for one organisation is tried again later, by the same worker too."""
    globex = shop(database, "Globex")
    ripen(till, [till.agreed(1100)], timedelta(days=1))
    ripe = globex.ripe(1100)
    database.execute(
        f"ALTER TABLE app.audit_heads ADD CONSTRAINT not_theirs CHECK (org_id <> '{till.org}')"
    )
    applying = worker.applying
    assert [one.price_change_id for one in (await applying.apply_due()).changes] == [ripe]
    assert "tried again" in caplog.text
    assert versions(till) == [(1, 1000, True)]
    database.execute("ALTER TABLE app.audit_heads DROP CONSTRAINT not_theirs")
    assert (await applying.apply_due()).found == 0
    assert len((await worker.applying.apply_due()).changes) == 1


async def test_a_cancelled_change_never_takes_effect(till: Till, worker: Hands) -> None:
    change = till.agreed(1100)
    word = till.ask(
        BOB, "admin", "SELECT app.price_cancel(%s, %s, 1, 'a mistake')", till.org, change
    )
    assert word == "OK"
    age(till.database, till.org, days=31)
    assert (await worker.applying.apply_due()).found == 0
    with pytest.raises(PriceChangeOver):
        await apply_price_change(worker.database, till.org, change)
    assert state_of(till, change) == CANCELLED
    assert till.price() == 1000


async def test_what_was_edited_or_never_agreed_to_has_nothing_to_apply(
    till: Till, worker: Hands
) -> None:
    request = till.request(ANN, 900)
    assert till.decide(BOB, request, 3) == "OK"
    till.request(ANN, 800, etag=2, approval=request)
    assert (await worker.applying.apply_due()).found == 0
    with pytest.raises(PriceChangeNotFound):
        await apply_price_change(worker.database, till.org, request)
    assert till.decide(CARL, request, role="owner") == "OK"
    assert till.send_request(ANN, 700, etag=4, approval=request) == "DECIDED"
    await worker.applying.apply_due()
    assert till.price() == 800, "what was agreed to, not what somebody wanted afterwards"


async def test_a_base_that_is_not_what_was_agreed_about_makes_it_stale(
    till: Till, worker: Hands
) -> None:
    """Nobody can do that but who administrates the database; it is looked at all the same."""
    change = till.agreed(900)
    with till.database.connect() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute("UPDATE app.price_changes SET base_version = 7")
    await worker.applying.apply_due()
    assert state_of(till, change) == STALE
    assert acts(till, change) == {"price_change.stale": 1}
    assert versions(till) == [(1, 1000, True)]
