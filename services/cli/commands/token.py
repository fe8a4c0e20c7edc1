"""`footfall token`: taking back tokens that somebody else issued."""

from __future__ import annotations

from uuid import UUID

import click
from rich.markup import escape

from services.cli import parameters
from services.cli.desk import Answer, at_desk
from shared.identity.administration import credentials
from shared.identity.administration.desk import Desk


@click.group(short_help="Refuse single tokens before they end.")
def command() -> None:
    """Refuse single tokens before they end. All of a subject's: `footfall member disable`."""


@command.command("revoke")
@click.argument("token_id", type=parameters.SUBJECT)
@click.option("--org", "org_id", type=parameters.ORG_ID, required=True, help="Its organisation.")
@click.option(
    "--days",
    type=click.IntRange(1, 3_650),
    default=30,
    show_default=True,
    help="When the token will have ended by itself, and need not be remembered any more.",
)
@at_desk
async def revoke(desk: Desk, token_id: str, org_id: UUID, days: int) -> Answer:
    """Refuse the token whose `jti` is TOKEN_ID. It stops within a minute."""
    await credentials.revoke_token(desk, org_id, token_id, days)
    return Answer(
        {"org_id": org_id, "token_id": token_id, "revoked": True},
        f"Revoked {escape(token_id)}: it stops within a minute.",
    )
