"""`footfall jobs`, as whoever operates uses it."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

from click.testing import CliRunner, Result

from services.cli.__main__ import main
from tests.postgres import MigratedDatabase

ACME, GLOBEX = uuid4(), uuid4()


def put(database: MigratedDatabase, org_id: UUID, state: str, attempts: int) -> int:
    """A job as a worker leaves it."""
    [(job_id,)] = database.execute(
        "INSERT INTO jobs.procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args,"
        " status, attempts, scheduled_at) VALUES ('insight', 'generate', %s, %s,"
        " jsonb_build_object('org_id', %s::text, 'cause', 2),"
        " %s::jobs.procrastinate_job_status, %s, now()) RETURNING id",
        *[str(org_id)] * 3,
        state,
        attempts,
    )
    return int(job_id)


def footfall(database: MigratedDatabase, *words: object) -> Result:
    environ = {**database.environ, "FOOTFALL_DATA_DIR": str(database.data_dir.root)}
    return CliRunner().invoke(main, ["jobs", *map(str, words)], env=environ)


def answer(database: MigratedDatabase, *words: object) -> Any:
    result = footfall(database, *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def listed(database: MigratedDatabase, *words: object) -> list[tuple[int, str, str, int]]:
    found = answer(database, "list", *words)["jobs"]
    return [(job["job_id"], job["org_id"], job["state"], job["attempts"]) for job in found]


def test_dead_jobs_are_listed_and_begin_anew(database: MigratedDatabase) -> None:
    dead, waiting = put(database, ACME, "failed", 5), put(database, GLOBEX, "todo", 0)
    assert listed(database) == [
        (dead, str(ACME), "dead", 5),
        (waiting, str(GLOBEX), "waiting", 0),
    ]
    assert listed(database, "--dead") == [(dead, str(ACME), "dead", 5)]
    assert str(ACME) in footfall(database, "list").stdout

    assert answer(database, "retry", dead) == {"revived": 1}
    assert listed(database, "--dead") == []
    assert (dead, str(ACME), "waiting", 0) in listed(database)


def test_all_that_are_dead_begin_anew_and_none_twice(database: MigratedDatabase) -> None:
    put(database, ACME, "failed", 5)
    last = put(database, ACME, "failed", 5)
    other = put(database, GLOBEX, "failed", 5)
    assert answer(database, "retry", "--all") == {"revived": 3}
    assert [job_id for job_id, *_ in listed(database)] == [last, other]


def test_what_is_not_dead_cannot_be_revived(database: MigratedDatabase) -> None:
    waiting = put(database, ACME, "todo", 0)
    refused = footfall(database, "retry", waiting)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert f"There is no dead job {waiting}" in refused.stderr
    assert footfall(database, "retry").exit_code == 2
    assert footfall(database, "retry", waiting, "--all").exit_code == 2
