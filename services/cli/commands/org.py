"""`footfall org`: organisations, each behind its own wall."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any
from uuid import UUID

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from services.cli import parameters
from services.cli.desk import Answer, at_desk, day, table
from services.cli.recounting import recounting
from shared.identity.administration import organisations
from shared.identity.administration.desk import Desk
from shared.identity.administration.organisations import OrganisationSettings

Decorated = Callable[..., Any]

_LIMITS = ("retention_days", "calls_per_second", "events_per_day")


@click.group(short_help="Create, change, list and delete organisations.")
def command() -> None:
    r"""Create, change, list and delete organisations.

    Each has its own events, people and keys, and sees nothing of the others.

    \b
    footfall org create ACME --time-zone Europe/Berlin
    footfall org update ORG_ID --retention-days forever
    """


def _settings(wrapped: Decorated) -> Decorated:
    """The settings that `create` and `update` share; what is not given arrives as None."""
    for option in reversed(
        [
            click.option(
                "--retention-days",
                type=parameters.RETENTION,
                metavar=parameters.RETENTION.name,
                help="How long events are kept.  [default: 365]",
            ),
            click.option(
                "--time-zone",
                type=parameters.TIME_ZONE,
                help="Where its days begin.  [default: UTC]",
            ),
            click.option(
                "--currency", type=parameters.CURRENCY, help="That of its costs.  [default: USD]"
            ),
            click.option(
                "--keep-ip/--drop-ip",
                default=None,
                help="Whether addresses of people are kept.  [default: drop]",
            ),
            click.option(
                "--calls-per-second",
                type=parameters.CALLS_PER_SECOND,
                metavar=parameters.CALLS_PER_SECOND.name,
                help="Limit on all its calls.  [default: unlimited]",
            ),
            click.option(
                "--events-per-day",
                type=parameters.EVENTS_PER_DAY,
                metavar=parameters.EVENTS_PER_DAY.name,
                help="Quota of events.  [default: unlimited]",
            ),
        ]
    ):
        wrapped = option(wrapped)
    return wrapped


@command.command("create")
@click.argument("name", type=parameters.ORG_NAME)
@_settings
@at_desk
async def create(desk: Desk, name: str, **given: object) -> Answer:
    """Create an organisation called NAME and print its id."""
    org_id = await organisations.create(desk, OrganisationSettings(name, **_kept(given)))
    return Answer(
        {"org_id": org_id},
        f"Created [bold]{escape(name)}[/]: {org_id}\n"
        f"Go on with: footfall key create --org {org_id} --role service --subject backend",
    )


@command.command("update")
@click.argument("org_id", type=parameters.ORG_ID)
@click.option("--name", type=parameters.ORG_NAME, help="What it is called.")
@_settings
@at_desk
async def update(desk: Desk, org_id: UUID, **given: object) -> Answer:
    """Change what is given.

    Another time zone counts all events anew, in one piece: services answer for the organisation's
    new ones that they be sent again later, until it is done. The currency is fixed by the first
    cost.
    """
    changes = _kept(given)
    if not changes:
        raise click.UsageError("Nothing to change: give at least one option.")
    with recounting() as recount:
        await organisations.change(desk, org_id, changes, recount)
    return Answer({"org_id": org_id, **changes}, f"Changed: {', '.join(changes)}")


@command.command("list")
@at_desk
async def list_(desk: Desk) -> Answer:
    """List all organisations, the oldest first."""
    found = await organisations.all_of_them(desk)
    rows = table("id", "name", "time zone", "currency", "days kept", "created")
    for one in found:
        of = one.settings
        kept = "forever" if of.retention_days is None else str(of.retention_days)
        name, created = escape(of.name), day(one.created_at)
        rows.add_row(str(one.org_id), name, of.time_zone, of.currency, kept, created)
    documents = [
        {"org_id": one.org_id, **dataclasses.asdict(one.settings), "created_at": one.created_at}
        for one in found
    ]
    return Answer({"organisations": documents}, rows if found else "There is none yet.")


@command.command("delete")
@click.argument("org_id", type=parameters.ORG_ID)
@click.option("--yes", is_flag=True, help="Do not ask.")
@at_desk
async def delete(desk: Desk, org_id: UUID, *, yes: bool) -> Answer:
    """Delete an organisation and everything that is kept of it, for ever.

    Its audit log stays and tells of the deletion. Takes half a minute and more: services remember
    credentials for so long.
    """
    if not yes:
        click.confirm(f"Delete {org_id} and all its events?", abort=True, err=True)
    deleted: dict[str, int] = {}
    with _progress() as progress:
        task = progress.add_task("taking credentials back", total=None)
        async for name, rows in organisations.remove(desk, org_id):
            deleted[name] = rows
            waiting = name == organisations.CREDENTIALS
            words = "waiting until no service knows them" if waiting else f"{name}: {rows:,} rows"
            progress.update(task, description=words)
    return Answer(
        {"org_id": org_id, "deleted": deleted},
        f"Deleted {org_id} and {sum(deleted.values()):,} rows that were kept of it.",
    )


def _kept(given: dict[str, object]) -> dict[str, Any]:
    """Options as settings: those that were given, words for no limit as None."""
    kept = {name: value for name, value in given.items() if value is not None}
    return {
        name: parameters.number(value)
        if name in _LIMITS and isinstance(value, int | str)
        else value
        for name, value in kept.items()
    }


def _progress() -> Progress:
    """On standard error: standard output is the answer's."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
