"""What several commands of pricing take."""

from __future__ import annotations

import uuid
from typing import Any

import click
import grpc

from footfall.pricing.v1.price_pb2 import GetTierRequest, Tier
from services.cli.inputs import TEXT
from services.cli.moments import Moment
from services.cli.pricing.asking import Pricing


class Id(click.ParamType[str]):
    """The id of something that pricing made."""

    name = "UUID"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return str(uuid.UUID(value))
        except ValueError:
            self.fail(f"{value!r} is no id: it is a UUID, shown by `list`.", param, ctx)


ID = Id()
TIER = click.argument("tier_id", metavar="TIER", type=TEXT)
OF_TIER = click.option(
    "--tier", "tier_id", metavar="TIER", type=TEXT, default="", help="Only of this tier."
)
APPROVAL = click.argument("approval_id", metavar="APPROVAL", type=ID)
CHANGE = click.argument("price_change_id", metavar="CHANGE", type=ID)
ETAG = click.option(
    "--etag", metavar="ETAG", type=TEXT, required=True,
    help="That of the page that you read: you decide on what stands there and nothing else.",
)  # fmt: skip
NOTES = click.option(
    "--notes", metavar="TEXT", type=TEXT, required=True, help="Why; it is kept for ever."
)
REASON = click.option(
    "--reason", metavar="TEXT", type=TEXT, required=True, help="Why; whoever decides reads it."
)
EFFECTIVE = click.option(
    "--effective", type=Moment(), help="When it is to take effect.  [default: as soon as it may]"
)


async def tier_or_none(pricing: Pricing, tier_id: str) -> Tier | None:
    """As it is kept, if it is known."""
    try:
        return await tier_of(pricing, tier_id)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return None
        raise


async def tier_of(pricing: Pricing, tier_id: str) -> Tier:
    """As it is kept."""
    found: Tier = (await pricing.ask("GetTier", GetTierRequest(tier_id=tier_id))).tier
    return found
