"""The SQL of runs: who needs one, and the queue's tables.

Those tables are the library's (`shared/schema/migrations/procrastinate_3_10_0.sql`). Its own
statements fetch jobs and keep workers alive; these put jobs in sets, and end or repeat one only for
the worker that holds it, which the library's do for whoever asks. They belong to no organisation:
each names its schema, and a row tells of one no more than its id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.insight.insights.rules.life import Cause
from services.insight.runs.rules import MATTERING, Standing
from shared.database import RawConnection

QUEUE = "insight"
GENERATE = "generate"

# The maintenance login finds who has work; it sees every organisation.
_LAST_RUN = """LEFT JOIN LATERAL (
  SELECT started_at FROM app.insight_runs r WHERE r.org_id = o.org_id AND r.subject_kind = 0
  ORDER BY r.as_of DESC LIMIT 1) AS run ON true"""

_SELECT_STANDINGS = f"""
SELECT o.org_id, extract(epoch FROM now() - run.started_at)::float8,
  extract(epoch FROM now() - log.logged_at)::float8
FROM app.organisations o {_LAST_RUN}
LEFT JOIN LATERAL (
  SELECT logged_at FROM app.event_log l WHERE l.org_id = o.org_id
  ORDER BY l.position DESC LIMIT 1) AS log ON true
"""  # noqa: S608 - no value of a caller

_SELECT_EXISTS = "SELECT EXISTS (SELECT FROM app.organisations WHERE org_id = %s)"

_SELECT_END = """
SELECT coalesce(max(position), 0) FROM app.event_log WHERE position < app.log_horizon()
"""

# Nothing can appear below the horizon any more.
_SELECT_LOGGED = f"""
SELECT o.org_id, o.position, o.matters, extract(epoch FROM now() - run.started_at)::float8
FROM (
  SELECT org_id, max(position) AS position, bool_or(type_ids && %s::integer[]) AS matters
  FROM app.event_log WHERE position > %s AND position < app.log_horizon() GROUP BY org_id
) AS o {_LAST_RUN}
"""  # noqa: S608

_INSERT_JOBS = """
INSERT INTO jobs.procrastinate_jobs
  (queue_name, task_name, lock, queueing_lock, args, scheduled_at)
SELECT %s, %s, j.org_id::text, j.org_id::text,
  jsonb_build_object('org_id', j.org_id::text, 'cause', %s::smallint),
  now() + j.seconds * interval '1 second'
FROM unnest(%s::uuid[], %s::float8[]) AS j (org_id, seconds)
ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING
RETURNING id
"""

_DELETE_DONE = """
DELETE FROM jobs.procrastinate_jobs WHERE id = %s AND worker_id = %s AND status = 'doing'
"""

_UPDATE_DEAD = """
UPDATE jobs.procrastinate_jobs SET status = 'failed', attempts = attempts + 1
WHERE id = %s AND worker_id = %s AND status = 'doing'
"""

# A job that goes back would collide with one that was put meanwhile. It stands for both: it has
# not looked at anything yet, and knows how often it failed.
_DELETE_WAITING = """
DELETE FROM jobs.procrastinate_jobs w USING jobs.procrastinate_jobs j
WHERE j.id = ANY(%s::bigint[]) AND w.queueing_lock = j.queueing_lock AND w.status = 'todo'
"""

_LOCK_HELD = """
SELECT id FROM jobs.procrastinate_jobs
WHERE id = %s AND worker_id = %s AND status = 'doing' FOR UPDATE
"""

_UPDATE_AGAIN = """
UPDATE jobs.procrastinate_jobs SET status = 'todo', attempts = attempts + 1,
  scheduled_at = now() + %s * interval '1 second'
WHERE id = %s
"""

# Its jobs lose their worker by the foreign key; should it live after all, it can neither fetch nor
# end one under this number.
_DELETE_DEAD_WORKERS = """
DELETE FROM jobs.procrastinate_workers WHERE last_heartbeat < now() - %s * interval '1 second'
"""

_LOCK_ABANDONED = """
SELECT id, attempts FROM jobs.procrastinate_jobs
WHERE status = 'doing' AND worker_id IS NULL ORDER BY id FOR UPDATE SKIP LOCKED
"""

_UPDATE_ABANDONED = """
UPDATE jobs.procrastinate_jobs AS j SET attempts = j.attempts + 1,
  status = CASE WHEN a.last THEN 'failed' ELSE 'todo' END::jobs.procrastinate_job_status,
  scheduled_at = now() + a.seconds * interval '1 second'
FROM unnest(%s::bigint[], %s::boolean[], %s::float8[]) AS a (id, last, seconds)
WHERE j.id = a.id
"""

_SELECT_FAILURES = """
SELECT (j.args ->> 'org_id')::uuid, extract(epoch FROM now() - max(e.at))::float8
FROM jobs.procrastinate_jobs j JOIN jobs.procrastinate_events e ON e.job_id = j.id
WHERE j.status = 'failed' AND e.type = 'failed' AND j.args ? 'org_id' GROUP BY 1
"""

_SELECT_RUNNING = """
SELECT (args ->> 'org_id')::uuid FROM jobs.procrastinate_jobs
WHERE status = 'doing' AND args ? 'org_id'
"""

_DELETE_FORGOTTEN = """
DELETE FROM jobs.procrastinate_jobs j WHERE j.status = 'failed' AND NOT EXISTS (
  SELECT FROM jobs.procrastinate_events e
  WHERE e.job_id = j.id AND e.at > now() - %s * interval '1 day')
"""

_SELECT_NUMBERS = """
SELECT count(*) FILTER (WHERE status = 'todo' AND scheduled_at > now()),
  count(*) FILTER (WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())),
  count(*) FILTER (WHERE status = 'doing'), count(*) FILTER (WHERE status = 'failed'),
  coalesce(extract(epoch FROM now() - min(scheduled_at) FILTER (
    WHERE status = 'todo' AND scheduled_at <= now())), 0)::float8
FROM jobs.procrastinate_jobs
"""

_SELECT_JOBS = """
SELECT j.id, j.task_name, (j.args ->> 'org_id')::uuid, (j.args ->> 'cause')::integer,
  j.status::text, j.attempts, j.scheduled_at,
  (SELECT max(e.at) FROM jobs.procrastinate_events e
   WHERE e.job_id = j.id AND e.type IN ('started', 'failed', 'deferred_for_retry'))
FROM jobs.procrastinate_jobs j
WHERE j.status = ANY(%s::jobs.procrastinate_job_status[]) ORDER BY j.id LIMIT %s
"""

_LOCK_DEAD = """
SELECT id FROM jobs.procrastinate_jobs
WHERE status = 'failed' AND (%(id)s::bigint IS NULL OR id = %(id)s::bigint) ORDER BY id FOR UPDATE
"""

_UPDATE_REVIVED = """
UPDATE jobs.procrastinate_jobs SET status = 'todo', attempts = 0, scheduled_at = now()
WHERE id = %s AND status = 'failed'
"""


@dataclass(frozen=True, slots=True)
class Logged:
    """What an organisation wrote to the log since the last look."""

    org_id: UUID
    position: int
    matters: bool
    run_ago: float | None


@dataclass(frozen=True, slots=True)
class Numbers:
    """How full the queue is."""

    waiting: int
    due: int
    running: int
    dead: int
    oldest_due_seconds: float


@dataclass(frozen=True, slots=True)
class Job:
    """One that waits, runs or is dead."""

    job_id: int
    task: str
    org_id: UUID | None
    cause: int | None
    state: str
    attempts: int
    due_at: datetime | None
    tried_at: datetime | None


async def select_exists(raw: RawConnection, org_id: UUID) -> bool:
    """Whether the organisation is still there."""
    row = await (await raw.execute(_SELECT_EXISTS, (org_id,))).fetchone()
    assert row is not None
    return bool(row[0])


async def select_standings(raw: RawConnection) -> list[Standing]:
    """How every organisation stands, by the maintenance login."""
    rows = await (await raw.execute(_SELECT_STANDINGS)).fetchall()
    return [Standing(*row) for row in rows]


async def select_running(raw: RawConnection) -> set[UUID]:
    """The organisations whose run is in hand."""
    return {row[0] async for row in await raw.execute(_SELECT_RUNNING)}


async def select_end(raw: RawConnection) -> int:
    """The last position of the log that nothing can come before any more."""
    row = await (await raw.execute(_SELECT_END)).fetchone()
    assert row is not None
    return int(row[0])


async def select_logged(raw: RawConnection, after: int) -> list[Logged]:
    """Who has written since a position, by the maintenance login."""
    rows = await (await raw.execute(_SELECT_LOGGED, (list(MATTERING), after))).fetchall()
    return [Logged(*row) for row in rows]


async def insert_jobs(raw: RawConnection, cause: Cause, after: Mapping[UUID, float]) -> int:
    """Put a run of each organisation, so many seconds from now, unless one waits already."""
    wanted = (list(after), list(after.values()))
    done = await raw.execute(_INSERT_JOBS, (QUEUE, GENERATE, cause.value, *wanted))
    return done.rowcount


async def delete_done(raw: RawConnection, job_id: int, worker_id: int) -> bool:
    """End a job; whether it was still the worker's."""
    return (await raw.execute(_DELETE_DONE, (job_id, worker_id))).rowcount == 1


async def update_dead(raw: RawConnection, job_id: int, worker_id: int) -> bool:
    """Give a job up; whether it was still the worker's."""
    return (await raw.execute(_UPDATE_DEAD, (job_id, worker_id))).rowcount == 1


async def update_again(raw: RawConnection, job_id: int, worker_id: int, seconds: float) -> bool:
    """Put a job back for another try; whether it was still the worker's."""
    if await (await raw.execute(_LOCK_HELD, (job_id, worker_id))).fetchone() is None:
        return False
    await raw.execute(_DELETE_WAITING, ([job_id],))
    await raw.execute(_UPDATE_AGAIN, (seconds, job_id))
    return True


async def delete_dead_workers(raw: RawConnection, silent_seconds: float) -> int:
    """Strike off workers that gave no sign of life; how many."""
    return (await raw.execute(_DELETE_DEAD_WORKERS, (silent_seconds,))).rowcount


async def lock_abandoned(raw: RawConnection) -> Mapping[int, int]:
    """Jobs whose worker is no more, each with its tries before, for this transaction alone."""
    return dict(await (await raw.execute(_LOCK_ABANDONED)).fetchall())


async def update_abandoned(raw: RawConnection, jobs: Sequence[tuple[int, bool, float]]) -> None:
    """Each with whether that was its last try, and the pause before the next."""
    await raw.execute(_DELETE_WAITING, ([job_id for job_id, last, _ in jobs if not last],))
    await raw.execute(_UPDATE_ABANDONED, tuple(map(list, zip(*jobs, strict=True))))


async def select_failures(raw: RawConnection) -> Mapping[UUID, float]:
    """How long ago the last run of an organisation failed for good, where one did."""
    return dict(await (await raw.execute(_SELECT_FAILURES)).fetchall())


async def delete_forgotten(raw: RawConnection, days: int) -> int:
    """Forget dead jobs that nobody asked about; how many."""
    return (await raw.execute(_DELETE_FORGOTTEN, (days,))).rowcount


async def select_numbers(raw: RawConnection) -> Numbers:
    """How full the queue is."""
    row = await (await raw.execute(_SELECT_NUMBERS)).fetchone()
    assert row is not None
    return Numbers(*row)


async def select_jobs(raw: RawConnection, *, only_dead: bool, limit: int) -> list[Job]:
    """Jobs, the oldest first."""
    states = ["failed"] if only_dead else ["todo", "doing", "failed"]
    rows = await (await raw.execute(_SELECT_JOBS, (states, limit))).fetchall()
    return [Job(*row) for row in rows]


async def update_revived(raw: RawConnection, job_id: int | None) -> int:
    """Let one dead job, or all, begin anew; how many."""
    found = await (await raw.execute(_LOCK_DEAD, {"id": job_id})).fetchall()
    for (dead,) in found:  # one after the other: several may be of one organisation
        await raw.execute(_DELETE_WAITING, ([dead],))
        await raw.execute(_UPDATE_REVIVED, (dead,))
    return len(found)
