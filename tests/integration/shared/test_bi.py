"""The read-only login: pictures of one organisation, and nothing of the others."""

from __future__ import annotations

from datetime import UTC, date, datetime

from shared.bi import ReadOnly, UserActivity, Visits
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase

EVENING = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)


def fill(organisation: Organisation, user: str, count: int) -> None:
    """Roll-ups and a session as event-ingest writes them."""
    run, org_id = organisation.database.execute, organisation.org_id
    run(
        "INSERT INTO app.event_hourly VALUES (%s, date_trunc('hour', %s), 2, '', %s, 0)",
        org_id, EVENING, count,
    )  # fmt: skip
    run(
        "INSERT INTO app.user_day VALUES (%s, %s, %s, %s" + ", 0" * 15 + ", %s, %s)",
        org_id, EVENING.date(), user, count, EVENING, EVENING,
    )  # fmt: skip
    run(
        "INSERT INTO app.sessions VALUES (%s, %s, '', %s, gen_random_uuid(), %s, 1, %s, 0, 0,"
        " '{}', '', '{}')",
        org_id, user, EVENING, EVENING, count,
    )  # fmt: skip


async def test_an_organisation_is_seen_alone(
    database: MigratedDatabase, organisation: Organisation, other_organisation: Organisation
) -> None:
    fill(organisation, "mia", 3)
    fill(other_organisation, "milo", 5)
    async with ReadOnly.at(database.urls["footfall_bi"], "test") as bi:
        org_id = organisation.org_id
        assert await bi.busiest_users(org_id, 10) == [UserActivity("mia", 3, 1)]
        assert await bi.visits(org_id) == Visits(1, 3, 1)
        assert (await bi.of_users(org_id), await bi.in_sessions(org_id)) == (3, 3)
        assert await bi.stored(org_id) == 0


async def test_days_and_hours_are_those_of_the_time_zone(
    database: MigratedDatabase, organisation: Organisation
) -> None:
    fill(organisation, "mia", 3)
    async with ReadOnly.at(database.urls["footfall_bi"], "test") as bi:
        org_id = organisation.org_id
        assert await bi.days(org_id, "UTC") == {date(2026, 3, 1): 3}
        assert await bi.days(org_id, "Asia/Tokyo") == {date(2026, 3, 2): 3}
        assert await bi.days(org_id, "UTC", type_id=3) == {}
        assert await bi.hours(org_id, "America/New_York") == {18: 3}
