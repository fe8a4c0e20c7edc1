"""`footfall rebuild`: counters and days from the events themselves."""

from __future__ import annotations

from uuid import UUID

import click

from services.cli import parameters
from services.cli.desk import Answer, at_desk
from services.cli.recounting import recounting
from shared.identity.administration import organisations
from shared.identity.administration.desk import Desk


@click.command(short_help="Count the events of an organisation anew.")
@click.option("--org", "org_id", type=parameters.ORG_ID, required=True, help="Whose events.")
@at_desk
async def command(desk: Desk, *, org_id: UUID) -> Answer:
    r"""Count the events of an organisation anew: what is kept of its hours and its users' days.

    It needs doing only when those are doubted, and may be done at any time, again and again. Until
    it is done services answer for the organisation's new events that they be sent again later.
    Events that were deleted before their time, by a shorter retention of their own or of their
    type, are not counted in days any more; hours before the retention of a type stay as they are.

    \b
    footfall rebuild --org ORG_ID
    """
    with recounting() as recount:
        counted = await organisations.rebuild(desk, org_id, recount)
    return Answer({"org_id": org_id, "events": counted}, f"Counted {counted:,} events anew.")
