"""`footfall key`: API keys, for programs that have nobody to log in with."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

import click
from rich.markup import escape

from services.cli import parameters
from services.cli.desk import Answer, at_desk, day, table, words
from shared.identity.administration import credentials
from shared.identity.administration.credentials import KeptKey, KeyWish, NewKey
from shared.identity.administration.desk import Desk
from shared.identity.identity import Role


@click.group(short_help="Create, list and revoke API keys.")
def command() -> None:
    r"""Create, list and revoke API keys.

    \b
    footfall key create --org ORG_ID --role service --subject backend
    footfall key create --org ORG_ID --role service --subject loader --scope events:write
    """


@command.command("create")
@click.option("--org", "org_id", type=parameters.ORG_ID, required=True, help="Whose key it is.")
@click.option("--role", type=parameters.ROLE, required=True, help="What it may do.")
@click.option(
    "--subject",
    type=parameters.SUBJECT,
    required=True,
    metavar="NAME",
    help="Whom it speaks for; becomes a member of that role unless it is a member already.",
)
@click.option(
    "--scope",
    "scopes",
    type=parameters.SCOPE,
    multiple=True,
    help="Narrow what it may do; may be given several times.  [default: all that the role may]",
)
@click.option(
    "--expires-in-days", type=click.IntRange(1, 36_500), metavar="N", help="When it ends."
)
@click.option(
    "--calls-per-second",
    type=click.IntRange(1, 1_000_000),
    metavar="N",
    help="Limit on its calls.  [default: unlimited]",
)
@at_desk
async def create(
    desk: Desk,
    *,
    org_id: UUID,
    role: str,
    subject: str,
    scopes: tuple[str, ...],
    expires_in_days: int | None,
    calls_per_second: int | None,
) -> Answer:
    """Create a key. It is shown now and never again: only its hash is kept."""
    narrowed = sorted(set(scopes)) or None
    wish = KeyWish(Role(role), subject, narrowed, expires_in_days, calls_per_second)
    made = await credentials.create_key(desk, org_id, wish)
    return Answer({"key_id": made.key.key_id, "key": made.key.text}, _words(made, wish))


@command.command("list")
@click.option("--org", "org_id", type=parameters.ORG_ID, required=True, help="Whose keys.")
@at_desk
async def list_(desk: Desk, org_id: UUID) -> Answer:
    """List the keys of an organisation, the newest first; without their secrets."""
    keys = await credentials.keys_of(desk, org_id)
    rows = table("id", "subject", "role", "scopes", "last used", "expires", "")
    for key in keys:
        rows.add_row(*_row(key))
    documents = [asdict(key) for key in keys]
    return Answer({"keys": documents}, rows if keys else "There is none yet.")


@command.command("revoke")
@click.argument("key_id")
@at_desk
async def revoke(desk: Desk, key_id: str) -> Answer:
    """Take a key back, by the id between its two underscores. It stops within a minute."""
    await credentials.revoke_key(desk, key_id)
    return Answer(
        {"key_id": key_id, "revoked": True},
        f"Revoked {escape(key_id)}: it stops within a minute.",
    )


def _words(made: NewKey, wish: KeyWish) -> str:
    lines = [
        f"[bold]{made.key.text}[/]",
        "Keep it now: it is shown this once. Send it as `authorization: Bearer ff_…`.",
    ]
    if made.role is not wish.role:
        lines.append(
            f"[yellow]{escape(wish.subject)} may do less than {wish.role}:[/] the key counts as "
            f"{made.role}, the weaker of both. Change that with `footfall member set-role`."
        )
    return "\n".join(lines)


def _row(key: KeptKey) -> tuple[str, ...]:
    state = "[red]revoked[/]" if key.revoked_at else ""
    return (
        key.key_id,
        escape(key.subject),
        key.role,
        words(key.scopes, "all"),
        day(key.last_used_at, "never"),
        day(key.expires_at, "never"),
        state,
    )
