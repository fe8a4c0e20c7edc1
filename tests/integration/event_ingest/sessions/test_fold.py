"""Folding the log on a real database: exact whatever the order, the batches and the deaths."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from footfall.events.v1 import event_pb2
from services.event_ingest.sessions import queries
from services.event_ingest.sessions.rules import End, Key, Span
from services.event_ingest.sessions.usecases import Follower, HeldElsewhere, fold, folding
from shared import arrays
from shared.clock import SystemClock
from shared.database import Database, Tenant
from shared.ids import place_ms
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase
from tests.storing import event_at, store

START = datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.fixture
def follower(writer: Database, broom: Database) -> Follower:
    return Follower(writer, broom, SystemClock())


async def follow(follower: Follower) -> int:
    """Until nothing is left; the number of events."""
    events = 0
    while folded := (await follower.follow()).events:
        events += folded
    return events


def at(minutes: float, kind: str = "feature_used", **fields: Any) -> event_pb2.Event:
    return event_at(START + timedelta(minutes=minutes), kind, **{"user_id": "mia", **fields})


def sessions(organisation: Organisation, columns: str = "event_count") -> list[Any]:
    rows = organisation.database.execute(
        f"SELECT {columns} FROM app.sessions WHERE org_id = %s"
        " ORDER BY user_id, session_id, started_at",
        organisation.org_id,
    )
    return [row[0] if len(row) == 1 else row for row in rows]


async def test_a_session_says_what_its_events_say(
    writer: Database, follower: Follower, organisation: Organisation
) -> None:
    events = [
        at(0, "page_view", context={"browser": "Firefox", "referrer": "news"}),
        at(1, feature="voice", session_id=""),
        at(2, "export_action", feature="report", context={"browser": "Chrome", "os": "Linux"}),
        at(3, "competency_milestone", properties_json='{"competency_points": 30}'),
        at(4, "competency_milestone", properties_json='{"competency_points": 12}'),
        at(5, feature="report"),
        at(6, "logout"),
        at(7, session_id="tab"),
        at(8, user_id=""),
    ]
    await store(writer, organisation, events)
    assert await follow(follower) == 9
    columns = (
        "session_id, event_count, export_count, competency_points, primary_tool, ended_by, tools,"
        " device, started_at, last_event_at"
    )
    micros = int(START.timestamp()) * 1_000_000
    minute = 60_000_000
    assert sessions(organisation, columns) == [
        (
            "", 7, 1, 42, "report", End.LOGOUT,
            {"voice": [1, micros + minute], "report": [2, micros + 2 * minute]},
            {
                "browser": [micros, "Firefox"],
                "referrer": [micros, "news"],
                "os": [micros + 2 * minute, "Linux"],
            },
            START, START + timedelta(minutes=6),
        ),
        (
            "tab", 1, 0, 0, "", End.UNSPECIFIED, {}, {},
            START + timedelta(minutes=7), START + timedelta(minutes=7),
        ),
    ]  # fmt: skip


def history(chance: random.Random, count: int) -> list[event_pb2.Event]:
    """Activity of two users over days, with hardly a pause, some logouts and equal times."""
    events, minutes = [], 0.0
    for number in range(count):
        minutes += chance.choice([0, 0.1, 20, 29, 29, 29, 29, 29, 29.9, 30 if number % 40 else 29])
        kind = "logout" if chance.random() < 0.01 else "feature_used"
        user, tab = chance.choice([("mia", "a"), ("mia", "a"), ("mia", ""), ("milo", "a")])
        browser = {"browser": f"browser {number}"} if number % 7 == 0 else None
        events.append(
            at(minutes, kind, user_id=user, session_id=tab, feature=f"f{number % 5}",
               context=browser)
        )  # fmt: skip
    return events


@pytest.mark.parametrize("seed", range(6))
async def test_order_and_batches_cannot_be_told_from_the_sessions(
    *,
    writer: Database,
    follower: Follower,
    organisation: Organisation,
    other_organisation: Organisation,
    seed: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chance = random.Random(seed)
    events = history(chance, 600)
    await store(writer, organisation, events)
    await follow(follower)
    monkeypatch.setattr(folding, "_EVENTS", chance.choice([1, 10, 200]))
    late = chance.sample(events, len(events))
    while late:
        size = chance.randrange(1, 80)
        await store(writer, other_organisation, late[:size] + late[:3])
        late = late[size:]
        if chance.random() < 0.7:  # else more than one commit waits when a session is taken apart
            await follower.follow()
    await follow(follower)
    everything = "user_id, session_id, started_at, last_event_at, ended_by, event_count, tools,"
    everything += " device, primary_tool, session_key"
    assert sessions(other_organisation, everything) == sessions(organisation, everything)
    assert sum(sessions(organisation)) == 600


async def test_a_session_taken_apart_leaves_out_what_is_logged_and_not_folded(
    writer: Database,
    follower: Follower,
    organisation: Organisation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await store(writer, organisation, [at(0), at(20)])
    await follow(follower)
    monkeypatch.setattr(folding, "_EVENTS", 1)
    await store(writer, organisation, [at(10, "logout")])
    await store(writer, organisation, [at(15), at(5)])
    await fold(writer, organisation.org_id)
    assert sessions(organisation) == [2, 1]
    await follow(follower)
    assert sessions(organisation) == [3, 2]


async def test_what_dies_before_its_commit_folds_nothing(
    writer: Database,
    follower: Follower,
    organisation: Organisation,
    database: MigratedDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await store(writer, organisation, [at(0), at(1)])

    async def killed(raw: Any, *_: object) -> None:
        with database.connect() as admin:
            admin.execute("SELECT pg_terminate_backend(%s)", (raw.info.backend_pid,))
        await raw.execute("SELECT 1")

    with monkeypatch.context() as patch:
        patch.setattr(queries, "update_cursor", killed)
        with pytest.raises(psycopg.OperationalError):
            await fold(writer, organisation.org_id)
    assert sessions(organisation) == []
    await writer.purge()
    await follow(follower)
    assert sessions(organisation) == [2]


async def test_two_workers_fold_every_event_once(
    writer: Database,
    broom: Database,
    organisation: Organisation,
    other_organisation: Organisation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(folding, "_EVENTS", 5)
    workers = [Follower(writer, broom, SystemClock()) for _ in range(3)]
    for number in range(40):
        for org in (organisation, other_organisation):
            await store(writer, org, [at(number), at(number + 0.5, session_id=str(number % 3))])
        await asyncio.gather(*(worker.follow() for worker in workers))
    for worker in workers:
        await follow(worker)
    assert sum(sessions(organisation)) == sum(sessions(other_organisation)) == 80


async def test_while_one_worker_holds_the_cursor_another_goes_on_and_comes_back(
    writer: Database, follower: Follower, organisation: Organisation
) -> None:
    await store(writer, organisation, [at(0)])
    await follow(follower)
    await store(writer, organisation, [at(1)])
    async with writer.raw_transaction(Tenant(organisation.org_id, "ingest")) as raw:
        await queries.lock_cursor(raw, organisation.org_id)
        with pytest.raises(HeldElsewhere):
            await fold(writer, organisation.org_id)
        assert (await follower.follow()).events == 0
    assert (await follower.follow()).events == 1
    assert sessions(organisation) == [2]


async def test_a_transaction_that_still_runs_holds_the_fold_back_and_is_not_passed_by(
    writer: Database, follower: Follower, organisation: Organisation, database: MigratedDatabase
) -> None:
    with database.connect("footfall_owner") as slow:
        slow.autocommit = False
        slow.execute("SELECT pg_current_xact_id()")
        await store(writer, organisation, [at(0)])
        assert await follow(follower) == 0
        slow.rollback()
        assert await follow(follower) == 1


async def test_a_new_worker_finds_what_was_logged_before_it_started(
    writer: Database, broom: Database, organisation: Organisation
) -> None:
    await store(writer, organisation, [at(0)])
    await follow(Follower(writer, broom, SystemClock()))
    await store(writer, organisation, [at(1)])
    assert await follow(Follower(writer, broom, SystemClock())) == 1
    assert await follow(Follower(writer, broom, SystemClock())) == 0


async def test_what_fails_for_one_organisation_stops_no_other(
    *,
    writer: Database,
    follower: Follower,
    organisation: Organisation,
    other_organisation: Organisation,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    select = queries.select_events

    async def broken(raw: Any, org_id: UUID, event_ids: Sequence[UUID]) -> Any:
        if org_id == organisation.org_id:
            raise ZeroDivisionError
        return await select(raw, org_id, event_ids)

    monkeypatch.setattr(queries, "select_events", broken)
    for org in (organisation, other_organisation):
        await store(writer, org, [at(0)])
    for _ in range(3):
        await follower.follow()
    assert (sessions(organisation), sessions(other_organisation)) == ([], [1])
    assert [record.message for record in caplog.records] == ["sessions not folded"]


@pytest.mark.parametrize("analysed", [False, True])
async def test_look_ups_by_many_keys_never_read_a_whole_table(
    *,
    writer: Database,
    follower: Follower,
    organisation: Organisation,
    database: MigratedDatabase,
    analysed: bool,
) -> None:
    events = [at(number * 50, user_id=f"u{number % 400}") for number in range(4000)]
    for start in range(0, 4000, 1000):
        await store(writer, organisation, events[start : start + 1000])
    await follow(follower)
    if analysed:
        database.execute("ANALYZE app.events, app.sessions")
    micros = int(START.timestamp()) * 1_000_000
    spans = [Span(Key(f"u{number}", ""), micros, micros + 3600 * 10**6) for number in range(400)]
    ids = [UUID(event.event_id) for event in events[:2000]]
    places = arrays.Instants([place_ms(one.bytes) * 1000 - arrays.EPOCH_MICROS for one in ids])
    parameters = {**queries._of_spans(spans), "org": organisation.org_id, "position": 0}
    async with writer.raw_transaction(Tenant(organisation.org_id, "ingest")) as raw:
        await queries.lock_cursor(raw, organisation.org_id)
        for query, values in (
            (queries._SELECT_SESSIONS_NEAR, parameters),
            (queries._SELECT_EVENTS_OF_SPANS, parameters),
            (
                queries._SELECT_EVENTS,
                (places, arrays.Uuids([one.bytes for one in ids]), organisation.org_id),
            ),
        ):
            plan = [row[0] async for row in await raw.execute(f"EXPLAIN {query}".encode(), values)]
            assert not any(
                scan in line for line in plan for scan in ("Seq Scan on", "Hash", "Merge Join")
            ), "\n".join(plan)
