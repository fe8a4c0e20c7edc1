"""Retention and partitions on a real database: what is due goes, what is kept stays."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.type.money_pb2 import Money

from footfall.events.v1 import event_pb2
from services.event_ingest.event_types.rules import TypeId
from services.event_ingest.sessions.usecases import Follower
from services.event_ingest.upkeep import queries
from services.event_ingest.upkeep.rules import first_id
from services.event_ingest.upkeep.usecases import Upkeep
from shared.clock import SystemClock
from shared.database import Database
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase
from tests.storing import event_at, store, stored_ids

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@dataclass
class HeldClock:
    """Stands still until it is set."""

    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def upkeep(broom: Database, clock: HeldClock) -> Upkeep:
    return Upkeep(broom, clock, batch=7)


def old(days: float, kind: str = "feature_used", **fields: Any) -> event_pb2.Event:
    return event_at(NOW - days * DAY, kind, **{"user_id": "mia", **fields})


def ids_of(*events: event_pb2.Event) -> set[str]:
    return {event.event_id for event in events}


def count(organisation: Organisation, table: str) -> int:
    rows = organisation.database.execute(
        f"SELECT count(*) FROM app.{table} WHERE org_id = %s", organisation.org_id
    )
    return int(rows[0][0])


def keep_type(organisation: Organisation, type_id: int, days: int) -> None:
    organisation.database.execute(
        "INSERT INTO app.event_types (org_id, type_id, name, description, properties_schema,"
        " default_impact, retention_days, version) VALUES (%s, %s, %s, '', '', 1, %s, 1)",
        organisation.org_id, type_id, f"type {type_id}", days,
    )  # fmt: skip


KEPT = {
    "young": [old(99.9)],
    "its type is not over": [old(9.9, "page_view")],
    "its type is long": [old(199, "login")],
    "it is not over": [old(4.9, retention_days=5)],
    "it says more than all": [old(300, "page_view", retention_days=301)],
    "no time in its id": [old(99, event_id=str(uuid.uuid4()))],
    "its id is older than it": [old(99, event_id=old(104).event_id)],
}
OVER = {
    "its type is short": [old(11, "page_view")],
    "its long type is over": [old(201, "login")],
    "it says less": [old(6, retention_days=5)],
    "it says more and that is over": [old(303, "page_view", retention_days=302)],
}
OVER_FOR_THE_ORGANISATION = {
    "expired": [old(101 + 3 * n) for n in range(40)],
    "no time in its id": [old(101, event_id=str(uuid.uuid4()))],
}


async def test_an_event_goes_by_its_own_word_else_its_types_else_its_organisations(
    writer: Database,
    upkeep: Upkeep,
    organisation: Organisation,
    other_organisation: Organisation,
) -> None:
    kept, over, expired = (
        list(itertools.chain.from_iterable(events.values()))
        for events in (KEPT, OVER, OVER_FOR_THE_ORGANISATION)
    )
    organisation.set("retention_days", 100)
    other_organisation.set("retention_days", None)
    for org in (organisation, other_organisation):
        keep_type(org, TypeId.PAGE_VIEW, 10)
        keep_type(org, TypeId.LOGIN, 200)
        await store(writer, org, [*kept, *over, *expired])
    await upkeep.keep_up()
    assert await stored_ids(writer, organisation) == ids_of(*kept)
    assert await stored_ids(writer, other_organisation) == ids_of(*kept, *expired)


async def test_an_id_is_accepted_again_once_its_event_expired_and_not_before(
    writer: Database, upkeep: Upkeep, clock: HeldClock, organisation: Organisation
) -> None:
    event = old(0)
    organisation.set("retention_days", 30)
    assert await store(writer, organisation, [event]) == 1
    clock.moment = NOW + 29.99 * DAY
    await upkeep.keep_up()
    assert await store(writer, organisation, [event]) == 0
    clock.moment = NOW + 30.01 * DAY
    await upkeep.keep_up()
    assert await store(writer, organisation, [event]) == 1


async def test_what_arrives_late_and_expired_goes_too(
    writer: Database, upkeep: Upkeep, clock: HeldClock, organisation: Organisation
) -> None:
    keep_type(organisation, TypeId.PAGE_VIEW, 10)
    await store(writer, organisation, [old(20, "page_view"), old(2)])
    await upkeep.keep_up()
    late = [old(20, "page_view"), old(20, retention_days=3)]
    await store(writer, organisation, late)
    await upkeep.keep_up()
    assert await stored_ids(writer, organisation) & ids_of(late[1]) == set()
    clock.moment += DAY
    await upkeep.keep_up()
    assert count(organisation, "events") == 1


async def test_sessions_and_days_of_users_go_with_their_organisations_retention(
    writer: Database,
    broom: Database,
    upkeep: Upkeep,
    organisation: Organisation,
    other_organisation: Organisation,
) -> None:
    organisation.set("retention_days", 30)
    organisation.set("time_zone", "Pacific/Auckland")
    other_organisation.set("retention_days", None)
    for org in (organisation, other_organisation):
        await store(
            writer,
            org,
            [
                old(days + 0.5, "revenue", client_id="phone-7", revenue=dollars(1))
                for days in range(20, 60, 2)
            ]
            + [old(days + 0.5, feature="editor") for days in range(20, 60, 2)],
        )
    await Follower(writer, broom, SystemClock()).follow()
    days = ("user_day", "feature_day", "client_day", "client_revenue_day")
    for table in ("sessions", *days):
        assert count(organisation, table) == 20
    hours = count(organisation, "event_hourly")
    await upkeep.keep_up()
    assert count(organisation, "sessions") == 5
    for table in days:
        assert count(organisation, table) in {5, 6}  # the day in which the line falls is kept
    assert count(organisation, "event_hourly") == hours
    assert count(other_organisation, "events") == 40
    for table in ("sessions", *days):
        assert count(other_organisation, table) == 20


def dollars(units: int) -> event_pb2.Revenue:
    return event_pb2.Revenue(amount=Money(currency_code="USD", units=units))


async def test_what_insight_leaves_behind_goes_in_its_time(
    upkeep: Upkeep, organisation: Organisation, database: MigratedDatabase
) -> None:
    org_id = organisation.org_id
    for number in range(20):
        moment = NOW - (85 + number) * DAY - timedelta(minutes=1)
        database.execute(
            "INSERT INTO app.insight_runs VALUES"
            " (%s, gen_random_uuid(), %s, 0, '', 1, %s, %s, 0, 1, 0, 0)",
            org_id, NOW - number * DAY, moment, moment,
        )  # fmt: skip
        database.execute(
            "INSERT INTO app.feed_deliveries VALUES"
            " (%s, gen_random_uuid(), 1, '', '{}', NULL, %s, '')",
            org_id, moment,
        )  # fmt: skip
        database.execute(
            "INSERT INTO app.insight_changes VALUES (%s, %s, '{}', %s)",
            org_id, 100 - number, NOW - timedelta(hours=60 + number, minutes=1),
        )  # fmt: skip
        database.execute(
            "INSERT INTO app.outbox (org_id, message_id, topic, body, created_at, state, attempts,"
            " next_attempt_at, finished_at, last_error) VALUES"
            " (%s, gen_random_uuid(), 't', '', %s, %s, 0, %s, %s, '')",
            org_id, moment, 1 + number % 2, moment,
            NOW - (80 + number) * DAY if number % 2 else None,
        )  # fmt: skip
    await upkeep.keep_up()
    assert count(organisation, "insight_runs") == 5
    assert count(organisation, "feed_deliveries") == 5
    assert count(organisation, "insight_changes") == 14
    assert count(organisation, "outbox") == 10 + 5
    database.execute("UPDATE app.insight_runs SET finished_at = %s", NOW - 100 * DAY)
    await upkeep.keep_up()
    (newest,) = database.execute("SELECT as_of FROM app.insight_runs")
    assert newest == (NOW,)


async def test_changes_of_journeys_go_in_time(upkeep: Upkeep, organisation: Organisation) -> None:
    organisation.database.execute(
        "INSERT INTO app.journey_changes SELECT %s, 100 - n, '{mia}',"
        " now() - (62.5 + n) * interval '1 hour' FROM generate_series(0, 19) AS n",
        organisation.org_id,
    )
    await upkeep.keep_up()
    assert count(organisation, "journey_changes") == 12


async def test_the_log_goes_after_74_hours_and_never_before_it_is_folded(
    *,
    writer: Database,
    broom: Database,
    upkeep: Upkeep,
    clock: HeldClock,
    organisation: Organisation,
    other_organisation: Organisation,
) -> None:
    for org in (organisation, other_organisation):
        for _ in range(20):
            await store(writer, org, [old(0)])
    clock.moment = NOW + timedelta(hours=75)
    await upkeep.keep_up()
    assert count(organisation, "event_log") == 20
    await Follower(writer, broom, SystemClock()).follow()
    await store(writer, organisation, [old(0)])
    clock.moment = NOW + timedelta(hours=73)
    await upkeep.keep_up()
    assert count(organisation, "event_log") == 21
    clock.moment = NOW + timedelta(hours=75)
    await upkeep.keep_up()
    assert count(organisation, "event_log") == 1
    assert count(other_organisation, "event_log") == 0
    await Follower(writer, broom, SystemClock()).follow()
    assert organisation.database.execute(
        "SELECT sum(event_count) FROM app.sessions WHERE org_id = %s", organisation.org_id
    ) == [(21,)]


async def test_refused_events_answers_and_revoked_tokens_go_in_their_time(
    upkeep: Upkeep, organisation: Organisation, database: MigratedDatabase
) -> None:
    for days in range(20, 40):
        moment = NOW - days * DAY
        database.execute(
            "INSERT INTO app.rejected_events VALUES (%s, %s, %s, 4, 'R', '', '', NULL, '')",
            organisation.org_id, first_id(moment), moment,
        )  # fmt: skip
        database.execute(
            "INSERT INTO app.rejected_days VALUES (%s, %s, 1, 2)",
            organisation.org_id,
            moment.date(),
        )
    for hours in range(10, 40):
        database.execute(
            "INSERT INTO app.request_answers VALUES (%s, 'm', gen_random_uuid(), '', '', %s)",
            organisation.org_id, NOW - timedelta(hours=hours),
        )  # fmt: skip
        database.execute(
            "INSERT INTO app.revoked_tokens VALUES (%s, %s, %s)",
            organisation.org_id, str(hours), NOW + timedelta(hours=hours - 20, minutes=1),
        )  # fmt: skip
    await upkeep.keep_up()
    assert count(organisation, "rejected_events") == 11
    assert count(organisation, "rejected_days") == 11
    assert count(organisation, "request_answers") == 15
    assert count(organisation, "revoked_tokens") == 20


async def names_of_partitions(broom: Database) -> dict[str, bool]:
    async with broom.across_tenants() as raw:
        return {one.name: one.used for one in await queries.select_partitions(raw)}


async def test_there_is_always_room_for_the_next_ninety_days(
    writer: Database,
    broom: Database,
    upkeep: Upkeep,
    clock: HeldClock,
    organisation: Organisation,
) -> None:
    before = await names_of_partitions(broom)
    await upkeep.keep_up()
    assert await names_of_partitions(broom) == before
    clock.moment = NOW + 400 * DAY  # it was switched off for a year
    await upkeep.keep_up()
    names = await names_of_partitions(broom)
    assert 11 <= len(names) - len(before) <= 14
    events = [old(-days) for days in range(0, 490, 10)]
    assert await store(writer, organisation, events, NOW + 490 * DAY) == 49
    assert not await rows_outside_of_partitions(broom)


async def rows_outside_of_partitions(broom: Database) -> bool:
    async with broom.across_tenants() as raw:
        partitions = await queries.select_partitions(raw)
    return any(one.until != following.since for one, following in itertools.pairwise(partitions))


async def test_a_partition_of_which_nobody_keeps_anything_is_emptied_at_once(
    writer: Database,
    broom: Database,
    upkeep: Upkeep,
    organisation: Organisation,
    other_organisation: Organisation,
) -> None:
    organisation.set("retention_days", 30)
    other_organisation.set("retention_days", 60)
    ancient = [old(150 + n) for n in range(50)]
    exceptional = old(300, retention_days=301)
    await store(writer, organisation, [*ancient, exceptional])
    await store(writer, other_organisation, [*ancient, old(40)])
    used = [name for name, used in (await names_of_partitions(broom)).items() if used]
    before = await names_of_partitions(broom)
    await upkeep.keep_up()
    after = await names_of_partitions(broom)
    assert before.keys() == after.keys()
    assert sum(after.values()) == 2 < len(used)
    assert await stored_ids(writer, organisation) == ids_of(exceptional)
    assert len(await stored_ids(writer, other_organisation)) == 1
    assert await store(writer, other_organisation, [old(365 * 20)]) == 1  # there is room again


async def test_while_somebody_keeps_for_ever_no_partition_is_touched(
    writer: Database,
    broom: Database,
    upkeep: Upkeep,
    organisation: Organisation,
    other_organisation: Organisation,
) -> None:
    organisation.set("retention_days", 30)
    other_organisation.set("retention_days", None)
    events = [old(3000 + n) for n in range(20)]
    for org in (organisation, other_organisation):
        await store(writer, org, events)
    before = await names_of_partitions(broom)
    await upkeep.keep_up()
    assert await names_of_partitions(broom) == before
    assert await stored_ids(writer, other_organisation) == ids_of(*events)
    assert count(organisation, "events") == 0


async def test_two_workers_do_not_do_it_at_once(
    writer: Database, broom: Database, upkeep: Upkeep, clock: HeldClock, organisation: Organisation
) -> None:
    organisation.set("retention_days", 30)
    await store(writer, organisation, [old(40)])
    async with broom.across_tenants() as raw:
        assert await queries.lock_upkeep(raw)
        await upkeep.keep_up()
        assert count(organisation, "events") == 1
    await asyncio.gather(upkeep.keep_up(), Upkeep(broom, clock, batch=2).keep_up())
    assert count(organisation, "events") == 0


async def test_what_fails_for_one_organisation_is_left_to_the_next_round_and_stops_no_other(
    writer: Database,
    upkeep: Upkeep,
    organisation: Organisation,
    other_organisation: Organisation,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for org in (organisation, other_organisation):
        org.set("retention_days", 30)
        await store(writer, org, [old(40)])
    organisation.set("time_zone", "Nowhere/At_All")
    await upkeep.keep_up()
    assert count(other_organisation, "events") == 0
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "not swept"
    ]
    organisation.set("time_zone", "UTC")
    await upkeep.keep_up()
    assert count(organisation, "events") == 0
