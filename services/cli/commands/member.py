"""`footfall member`: who belongs to an organisation, and as what."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

import click
from rich.markup import escape

from services.cli import parameters
from services.cli.desk import Answer, at_desk, day, table
from shared.identity.administration import members
from shared.identity.administration.desk import Desk
from shared.identity.identity import Role

_org = click.option(
    "--org", "org_id", type=parameters.ORG_ID, required=True, help="The organisation."
)
_subject = click.argument("subject", type=parameters.SUBJECT)
_role = click.option("--role", type=parameters.ROLE, required=True, help="What the subject is.")


@click.group(short_help="Say who belongs to an organisation, and as what.")
def command() -> None:
    r"""Say who belongs to an organisation, and as what.

    A credential counts for as much as its subject's role here, however much it says itself, and
    for nothing without one. Changes take effect within a minute.

    \b
    footfall member add --org ORG_ID olga --role owner
    footfall member set-role --org ORG_ID olga --role admin
    """


@command.command("add")
@_subject
@_org
@_role
@at_desk
async def add(desk: Desk, subject: str, org_id: UUID, role: str) -> Answer:
    """Let SUBJECT in: the `sub` of its tokens, or the subject of its keys."""
    await members.add(desk, org_id, subject, Role(role))
    return Answer(
        {"org_id": org_id, "subject": subject, "role": role},
        f"{escape(subject)} is {role} now.",
    )


@command.command("set-role")
@_subject
@_org
@_role
@at_desk
async def set_role(desk: Desk, subject: str, org_id: UUID, role: str) -> Answer:
    """Make SUBJECT something else."""
    await members.set_role(desk, org_id, subject, Role(role))
    return Answer(
        {"org_id": org_id, "subject": subject, "role": role},
        f"{escape(subject)} is {role} within a minute.",
    )


@command.command("remove")
@_subject
@_org
@at_desk
async def remove(desk: Desk, subject: str, org_id: UUID) -> Answer:
    """Let SUBJECT go. What it did stays."""
    await members.remove(desk, org_id, subject)
    return Answer(
        {"org_id": org_id, "subject": subject, "removed": True},
        f"{escape(subject)} is out within a minute.",
    )


@command.command("disable")
@_subject
@_org
@at_desk
async def disable(desk: Desk, subject: str, org_id: UUID) -> Answer:
    """Keep SUBJECT out, with its role remembered."""
    await members.set_disabled(desk, org_id, subject, disabled=True)
    return Answer(
        {"org_id": org_id, "subject": subject, "disabled": True},
        f"{escape(subject)} is out within a minute, until `footfall member enable`.",
    )


@command.command("enable")
@_subject
@_org
@at_desk
async def enable(desk: Desk, subject: str, org_id: UUID) -> Answer:
    """Let SUBJECT in again."""
    await members.set_disabled(desk, org_id, subject, disabled=False)
    return Answer(
        {"org_id": org_id, "subject": subject, "disabled": False},
        f"{escape(subject)} is in again.",
    )


@command.command("list")
@_org
@at_desk
async def list_(desk: Desk, org_id: UUID) -> Answer:
    """List the members of an organisation by name."""
    found = await members.all_of_them(desk, org_id)
    rows = table("subject", "role", "since", "")
    for one in found:
        state = "[red]disabled[/]" if one.disabled else ""
        rows.add_row(escape(one.subject), one.role, day(one.created_at), state)
    documents = [asdict(one) for one in found]
    return Answer({"members": documents}, rows if found else "There is none yet.")
