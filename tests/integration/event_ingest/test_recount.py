"""Another time zone, or a rebuild: counters and days as if all events had come in it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from footfall.events.v1 import event_pb2
from services.event_ingest.event_types.rules import BUILT_IN
from services.event_ingest.events import queries, wire
from services.event_ingest.events.rules import Organisation as Known
from services.event_ingest.events.rules import Outcome, Units
from services.event_ingest.group_commit import GroupCommit
from services.event_ingest.recount import queries as recount_queries
from services.event_ingest.recount import usecases
from services.event_ingest.recount.usecases import recount
from services.event_ingest.sessions.usecases import fold
from services.event_ingest.store import Group
from services.event_ingest.store import store as store_groups
from shared import ids
from shared.clock import SystemClock
from shared.database import Database, Tenant
from shared.errors import Overloaded
from shared.identity.administration import organisations
from shared.identity.administration.desk import ActRefused, Desk, open_desk
from shared.schema.held_settings import TAKE_SETTINGS
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase
from tests.storing import NAMES, event_at, store

ODD_TIMES = (
    datetime(2024, 3, 31, tzinfo=UTC),  # the clocks of Berlin
    datetime(2024, 4, 6, 12, tzinfo=UTC),  # of Lord Howe, by half an hour, back
    datetime(2024, 10, 5, 12, tzinfo=UTC),  # and forth
    datetime(2024, 11, 3, tzinfo=UTC),  # of New York
)
KINDS = ("feature_used", "tool_usage", "export_action", "competency_milestone", "revenue")
REVENUE: Mapping[str, Any] = {
    "revenue": {"kind": 1, "amount": {"units": 5, "currency_code": "EUR"}}
}


@pytest.fixture
async def desk(database: MigratedDatabase) -> AsyncIterator[Desk]:
    async with open_desk(database.urls["footfall_owner"], SystemClock(), "operator:test") as opened:
        yield opened


def some_events(seed: int, count: int = 250) -> list[event_pb2.Event]:
    """Around the times at which clocks change, of few users, so that they share hours and days."""
    chance = random.Random(seed)
    return [_event(chance) for _ in range(count)]


def _event(chance: random.Random) -> event_pb2.Event:
    moment = chance.choice(ODD_TIMES) + timedelta(minutes=chance.randrange(48 * 60))
    fields: dict[str, Any] = {
        "user_id": chance.choice(("", "mia", "milo", "olga")),
        "client_id": chance.choice(("", "acme", "globex")),
        "feature": chance.choice(("", "editor", "viewer")),
    }
    if chance.random() < 0.3:
        fields["cost"] = {"nanos": chance.randrange(999)}
    kind = chance.choice(KINDS)
    return event_at(moment, kind, **fields, **(REVENUE if kind == "revenue" else {}))


def counted(organisation: Organisation) -> dict[str, list[dict[str, Any]]]:
    """Every row of all roll-ups."""
    found = {}
    for table in ("event_hourly", "user_day", "feature_day", "client_day", "client_revenue_day"):
        rows = organisation.database.execute(
            f"SELECT to_jsonb(t) - 'org_id' FROM app.{table} t WHERE org_id = %s",
            organisation.org_id,
        )
        found[table] = sorted((row for (row,) in rows), key=str)
    return found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("UTC", "Europe/Berlin"),
        ("UTC", "Asia/Kolkata"),
        ("Asia/Kathmandu", "America/New_York"),
        ("Europe/Berlin", "Australia/Lord_Howe"),
        ("Australia/Lord_Howe", "America/St_Johns"),
    ],
)
async def test_a_change_of_zone_counts_as_if_all_had_come_in_the_new_one(
    writer: Database,
    desk: Desk,
    organisation: Organisation,
    other_organisation: Organisation,
    monkeypatch: pytest.MonkeyPatch,
    *,
    old: str,
    new: str,
) -> None:
    monkeypatch.setattr(usecases, "PIECE", 37)
    sent = some_events(seed=sum(f"{old} {new}".encode()))
    for one, zone in ((organisation, old), (other_organisation, new)):
        one.set("time_zone", zone)
        one.set("retention_days", None)
        for start in range(0, len(sent), 50):
            assert await store(writer, one, sent[start : start + 50]) == 50
        await folded(writer, one.org_id)
    neighbour = counted(other_organisation)
    assert all(neighbour.values())
    assert counted(organisation) != neighbour
    await organisations.change(desk, organisation.org_id, {"time_zone": new}, recount)
    assert counted(organisation) == neighbour == counted(other_organisation)
    assert await organisations.rebuild(desk, organisation.org_id, recount) == len(sent)
    assert counted(organisation) == neighbour


async def folded(writer: Database, org_id: UUID) -> None:
    while await fold(writer, org_id) is not None:
        pass


async def test_what_is_not_folded_yet_is_counted_once(
    writer: Database, desk: Desk, organisation: Organisation, other_organisation: Organisation
) -> None:
    sent = some_events(5, 80)
    for one, zone in ((organisation, "UTC"), (other_organisation, "Asia/Kathmandu")):
        one.set("time_zone", zone)
        one.set("retention_days", None)
        await store(writer, one, sent[:40])
        await folded(writer, one.org_id)
        await store(writer, one, sent[40:])
    new = {"time_zone": "Asia/Kathmandu"}
    await organisations.change(desk, organisation.org_id, new, recount)
    for one in (organisation, other_organisation):
        await folded(writer, one.org_id)
    assert counted(organisation) == counted(other_organisation)


async def test_a_rebuild_repairs_what_is_wrong(
    writer: Database, desk: Desk, organisation: Organisation
) -> None:
    organisation.set("retention_days", None)
    await store(writer, organisation, some_events(1, 100))
    right, database = counted(organisation), organisation.database
    database.execute("UPDATE app.event_hourly SET events = events + 1")
    database.execute("UPDATE app.user_day SET exports = 99 WHERE user_id = 'mia'")
    database.execute("DELETE FROM app.user_day WHERE user_id = 'milo'")
    assert counted(organisation) != right
    await organisations.rebuild(desk, organisation.org_id, recount)
    assert counted(organisation) == right


async def test_counters_of_events_that_are_gone_stay(
    writer: Database, desk: Desk, organisation: Organisation
) -> None:
    """Hours are kept for longer than events; those of a type may be gone before the others."""
    now = datetime.now(UTC)
    organisation.set("retention_days", 100)
    organisation.database.execute(
        "INSERT INTO app.event_types (org_id, type_id, name, description, properties_schema,"
        " default_impact, retention_days, version) VALUES (%s, %s, 'login', '', '', 1, 10, 1)",
        organisation.org_id,
        BUILT_IN["login"].type_id,
    )
    await store(
        writer,
        organisation,
        [
            event_at(now - timedelta(days=days), kind, user_id="mia")
            for days in (5, 50, 200)
            for kind in ("login", "export_action")
        ],
    )
    before = counted(organisation)
    organisation.database.execute(
        "DELETE FROM app.events WHERE occurred_at < %s OR (occurred_at < %s AND type_id = %s)",
        now - timedelta(days=100),
        now - timedelta(days=10),
        BUILT_IN["login"].type_id,
    )
    await organisations.rebuild(desk, organisation.org_id, recount)
    assert counted(organisation) == before


@pytest.mark.parametrize("kept_days", [(5,), ()], ids=["some are left", "none is left"])
async def test_counters_of_events_that_a_shorter_retention_deleted_once_stay(
    writer: Database, desk: Desk, organisation: Organisation, kept_days: tuple[int, ...]
) -> None:
    now = datetime.now(UTC)
    sent = [event_at(now - timedelta(days=days), user_id="mia") for days in (5, 50, 200)]
    await store(writer, organisation, sent)
    before = counted(organisation)
    oldest_kept = now - timedelta(days=max(kept_days, default=0) + 1)
    organisation.database.execute("DELETE FROM app.events WHERE occurred_at < %s", oldest_kept)
    if not kept_days:
        organisation.database.execute("DELETE FROM app.events")
    await organisations.rebuild(desk, organisation.org_id, recount)
    assert counted(organisation) == before


def group(organisation: Organisation, units: Units, sent: Sequence[event_pb2.Event]) -> Group:
    known = Known(
        organisation.org_id, *units, None, keep_ip=False, types=BUILT_IN, type_names=NAMES
    )
    now_us = round(datetime.now(UTC).timestamp() * 1_000_000)
    admitted = [wire.to_new_event(one, known, now_us, None) for one in sent]
    return Group(Tenant(organisation.org_id, "ingest"), units, admitted)


@pytest.mark.parametrize(
    "units", [Units("Asia/Tokyo", "USD"), Units("UTC", "EUR")], ids=["zone", "currency"]
)
async def test_a_writer_that_counts_in_old_units_stores_nothing_and_is_told_to_try_again(
    writer: Database, organisation: Organisation, other_organisation: Organisation, units: Units
) -> None:
    sent = some_events(2, 10)
    right = Units("UTC", "USD")
    stored, neighbours = await store_groups(
        writer, [group(organisation, units, sent), group(other_organisation, right, sent)]
    )
    assert all(isinstance(one, Overloaded) and one.retry_after for one in stored)
    assert all(isinstance(one, Outcome) for one in neighbours)
    assert not any(counted(organisation).values())
    (again,) = await store_groups(writer, [group(organisation, right, sent)])
    assert all(isinstance(one, Outcome) for one in again)


async def test_events_of_one_flush_count_each_in_the_units_that_it_was_admitted_in(
    writer: Database, organisation: Organisation
) -> None:
    """A cost in the currency of before, which its sender was told is the right one, is no other."""
    now, commit = datetime.now(UTC), GroupCommit(writer)
    costs = [event_at(now, cost={"units": 1}) for _ in range(2)]
    tenant, admitted = Tenant(organisation.org_id, "ingest"), []
    for units, one in zip((Units("UTC", "USD"), Units("UTC", "EUR")), costs, strict=True):
        [new] = group(organisation, units, [one]).events
        admitted.append(asyncio.create_task(commit.store(tenant, units, new)))
    await asyncio.sleep(0)  # both are queued before the first flush
    flushing = asyncio.create_task(commit.run())
    right, old = await asyncio.gather(*admitted)
    await commit.close()
    await flushing
    assert isinstance(right, Outcome)
    assert isinstance(old, Overloaded)
    assert sum(row["events"] for row in counted(organisation)["event_hourly"]) == 1


async def test_a_recount_that_stands_still_does_not_keep_writers_out_for_ever(
    desk: Desk, organisation: Organisation
) -> None:
    async with desk.acting(organisation.org_id) as act:
        await recount_queries.select_patience(act.transaction.raw)
        shown = await act.transaction.raw.execute("SHOW idle_in_transaction_session_timeout")
        assert await shown.fetchone() == ("1min",)


async def test_while_the_units_are_taken_nobody_else_waits(
    writer: Database, desk: Desk, organisation: Organisation, other_organisation: Organisation
) -> None:
    right = Units("UTC", "USD")
    async with desk.acting(organisation.org_id) as act:
        await act.transaction.raw.execute(TAKE_SETTINGS, (organisation.org_id,))
        async with asyncio.timeout(4):  # Postgres would end a wait for a lock after five
            stored, neighbours = await store_groups(
                writer,
                [
                    group(organisation, right, some_events(3, 5)),
                    group(other_organisation, right, some_events(3, 5)),
                ],
            )
    assert all(isinstance(one, Overloaded) for one in stored)
    assert all(isinstance(one, Outcome) for one in neighbours)


async def test_the_change_waits_for_a_writer_that_has_begun(
    writer: Database, desk: Desk, organisation: Organisation, other_organisation: Organisation
) -> None:
    """Its events are seen by the recount; in either order they count in the new zone."""
    sent = some_events(4, 20)
    for one in (organisation, other_organisation):
        one.set("retention_days", None)
    tenant = Tenant(organisation.org_id, "ingest")
    async with writer.raw_transaction(tenant) as raw:
        held = await raw.execute(
            "SELECT app.hold_settings(%s, 'UTC', 'USD')", (organisation.org_id,)
        )
        assert await held.fetchone() == (True,)
        changing = asyncio.create_task(
            organisations.change(desk, organisation.org_id, {"time_zone": "Asia/Kolkata"}, recount)
        )
        while not await _somebody_waits(organisation.database):
            assert not changing.done()
            await asyncio.sleep(0.01)
        events = group(organisation, Units("UTC", "USD"), sent).events
        statement = queries.insert_events(tenant, Units("UTC", "USD"), events)
        row = await (
            await raw.execute(statement.query, statement.parameters, binary=True)
        ).fetchone()
        assert row is not None
        assert row[0] == len(sent)
    await changing
    other_organisation.set("time_zone", "Asia/Kolkata")
    await store(writer, other_organisation, sent)
    assert counted(organisation) == counted(other_organisation)


async def _somebody_waits(database: MigratedDatabase) -> bool:
    rows = await asyncio.to_thread(
        database.execute,
        "SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted",
    )
    return bool(rows)


async def test_the_currency_is_fixed_by_the_first_cost(
    writer: Database, desk: Desk, organisation: Organisation
) -> None:
    now = datetime.now(UTC)
    await store(writer, organisation, [event_at(now)])
    await organisations.change(desk, organisation.org_id, {"currency": "EUR"}, recount)
    with_cost = event_at(now, cost={"units": 1}, event_id=ids.text(ids.uuid7(1_700_000_000_000)))
    await store(writer, organisation, [with_cost])
    with pytest.raises(ActRefused, match="costs, which are summed in EUR"):
        await organisations.change(desk, organisation.org_id, {"currency": "CHF"}, recount)
    organisation.database.execute("DELETE FROM app.events")
    with pytest.raises(ActRefused, match="costs, which are summed in EUR"):
        await organisations.change(desk, organisation.org_id, {"currency": "CHF"}, recount)
    await organisations.change(desk, organisation.org_id, {"currency": "EUR"}, recount)
