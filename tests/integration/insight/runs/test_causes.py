"""What puts a run into the queue: events that matter, and the schedule."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.insight.insights.rules.life import Cause
from services.insight.runs.usecases import Follower, list_jobs, run, schedule
from shared.database import Database
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase
from tests.storing import event_at, store

HOUR = 3600.0


@pytest.fixture
def follower(own: Database, across: Database) -> Follower:
    return Follower(own, across, soon_seconds=30.0, rest_seconds=300.0)


async def sent(writer: Database, organisation: Organisation, kind: str, count: int = 1) -> None:
    """As many commits, each with one event."""
    for _ in range(count):
        await store(writer, organisation, [event_at(datetime.now(UTC), kind, user_id="mia")])


async def queued(own: Database) -> dict[UUID | None, float]:
    """Who has a run in the queue, and in how many seconds."""
    now = datetime.now(UTC)
    jobs = await list_jobs(own)
    assert len({job.org_id for job in jobs}) == len(jobs)
    return {job.org_id: (job.due_at - now).total_seconds() for job in jobs if job.due_at}


async def followed(follower: Follower, writer: Database, organisation: Organisation) -> None:
    """Everything that was sent before is seen: older transactions of others hold it back."""
    await sent(writer, organisation, "report_generated")
    while not await follower.follow():
        pass


async def test_a_burst_of_events_that_matter_makes_one_run_soon(
    writer: Database, own: Database, follower: Follower, organisation: Organisation
) -> None:
    assert await follower.follow() == 0
    await sent(writer, organisation, "voice_generation", 20)
    await followed(follower, writer, organisation)
    [(org_id, seconds)] = (await queued(own)).items()
    assert org_id == organisation.org_id
    assert 0 < seconds <= 30


@pytest.mark.parametrize(
    ("kind", "matters"),
    [
        ("voice_generation", True),
        ("report_generated", True),
        ("feature_abandoned", True),
        ("feature_used", False),
        ("logout", False),
    ],
)
async def test_events_matter_of_which_a_detector_counts_each(
    writer: Database,
    own: Database,
    follower: Follower,
    organisation: Organisation,
    other_organisation: Organisation,
    *,
    kind: str,
    matters: bool,
) -> None:
    await follower.follow()
    await sent(writer, organisation, kind)
    await followed(follower, writer, other_organisation)
    assert (organisation.org_id in await queued(own)) is matters


async def test_events_alone_leave_an_organisation_its_rest(
    writer: Database, own: Database, follower: Follower, organisation: Organisation
) -> None:
    await follower.follow()
    assert await run(own, organisation.org_id, Cause.SCHEDULE) is not None
    await followed(follower, writer, organisation)
    [seconds] = (await queued(own)).values()
    assert 200 < seconds <= 300


async def test_whoever_begins_to_follow_takes_those_with_news(
    writer: Database,
    own: Database,
    follower: Follower,
    organisation: Organisation,
    other_organisation: Organisation,
) -> None:
    """What happened while no worker lived is not forgotten."""
    await sent(writer, organisation, "report_generated")
    assert await follower.follow() == 1
    assert list(await queued(own)) == [organisation.org_id]
    assert other_organisation.org_id not in await queued(own)


async def test_the_schedule_takes_everyone_once_and_again_who_is_due(
    own: Database,
    across: Database,
    database: MigratedDatabase,
    organisation: Organisation,
    other_organisation: Organisation,
) -> None:
    assert await schedule(own, across, HOUR) == 2
    assert await schedule(own, across, HOUR) == 0
    database.execute("DELETE FROM jobs.procrastinate_jobs")
    assert await run(own, organisation.org_id, Cause.SCHEDULE) is not None
    assert await schedule(own, across, HOUR) == 1
    assert list(await queued(own)) == [other_organisation.org_id]


async def test_a_run_of_an_organisation_that_was_deleted_does_nothing(
    own: Database, database: MigratedDatabase, organisation: Organisation
) -> None:
    database.execute("DELETE FROM app.organisations WHERE org_id = %s", organisation.org_id)
    assert await run(own, organisation.org_id, Cause.SCHEDULE) is None
    assert database.execute("SELECT 1 FROM app.insight_runs") == []


async def test_the_schedule_passes_by_who_has_a_run_in_hand(
    own: Database, across: Database, database: MigratedDatabase, organisation: Organisation
) -> None:
    assert await schedule(own, across, HOUR) == 1
    database.execute("UPDATE jobs.procrastinate_jobs SET status = 'doing'")
    assert await schedule(own, across, HOUR) == 0
    database.execute("DELETE FROM jobs.procrastinate_jobs")
    assert await schedule(own, across, HOUR) == 1
    assert list(await queued(own)) == [organisation.org_id]
