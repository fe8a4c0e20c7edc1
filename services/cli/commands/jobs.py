"""`footfall jobs`: runs that wait, are in hand or are dead."""

from __future__ import annotations

import dataclasses

import click

from services.cli.desk import Answer, at_desk, table
from services.insight.runs.usecases import list_jobs, revive_jobs
from shared.identity.administration.desk import ActRefused, Desk

_STATES = {"todo": "waiting", "doing": "running", "failed": "dead"}


@click.group(short_help="List runs of the detectors, and let dead ones begin anew.")
def command() -> None:
    r"""List runs of the detectors, and let dead ones begin anew.

    A run that failed five times is dead: it is kept for thirty days, and its organisation has its
    next one on schedule.

    \b
    footfall jobs list --dead
    footfall jobs retry JOB_ID
    """


@command.command("list")
@click.option("--dead", "only_dead", is_flag=True, help="Only what failed for good.")
@at_desk
async def list_(desk: Desk, *, only_dead: bool) -> Answer:
    """List jobs, the oldest first; a thousand at most."""
    found = await list_jobs(desk.database, only_dead=only_dead)
    rows = table("id", "organisation", "state", "tries", "due")
    for job in found:
        whose = str(job.org_id or job.task)
        due = f"{job.due_at:%Y-%m-%d %H:%M}" if job.due_at else ""
        rows.add_row(str(job.job_id), whose, _STATES[job.state], str(job.attempts), due)
    documents = [{**dataclasses.asdict(job), "state": _STATES[job.state]} for job in found]
    return Answer({"jobs": documents}, rows if found else "There is none.")


@command.command("retry")
@click.argument("job_id", type=click.IntRange(min=1), required=False)
@click.option("--all", "all_of_them", is_flag=True, help="All that are dead.")
@at_desk
async def retry(desk: Desk, *, job_id: int | None, all_of_them: bool) -> Answer:
    """Let a dead job begin anew, with five tries."""
    if (job_id is None) is not all_of_them:
        raise click.UsageError("Name one job, or say --all.")
    revived = await revive_jobs(desk.database, job_id)
    if job_id is not None and not revived:
        raise ActRefused(f"There is no dead job {job_id}; see `footfall jobs list --dead`.")
    return Answer({"revived": revived}, f"Begun anew: {revived}.")
