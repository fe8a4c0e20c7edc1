"""Commands that decide on a request, and those about the changes that come of it."""

from __future__ import annotations

from typing import Any

import click
from google.protobuf.timestamp_pb2 import Timestamp

from footfall.pricing.v1 import decision_pb2 as pb
from footfall.pricing.v1.approval_pb2 import PriceChangeState
from services.cli import words
from services.cli.calling import CallRefused
from services.cli.inputs import LIMIT, TEXT
from services.cli.moments import BeginningOf
from services.cli.pricing import changes
from services.cli.pricing.asking import Pricing, asks
from services.cli.pricing.deciding import ask_and_tell
from services.cli.pricing.parameters import APPROVAL, CHANGE, ETAG, NOTES, OF_TIER, REASON
from services.cli.telling import MORE, one_line, printable, show, tell

_PAGE = 1000


def _verdict(verb: str, method: str, explanation: str) -> click.Command:
    """One of the three commands that decide on a request."""

    async def decide(
        pricing: Pricing, *, approval_id: str, etag: str, notes: str, as_json: bool
    ) -> None:
        asked = getattr(pb, f"{method}Request")
        request = asked(approval_id=approval_id, etag=etag, notes=notes)
        await ask_and_tell(pricing, method, request, as_json=as_json)

    decide.__doc__ = (
        f"{explanation}\n\n    It takes the key of an owner or an admin who neither asked for nor "
        "revised it.\n    The etag stands on the page of `footfall approvals show`: whoever "
        "decides, decides\n    on what stood there."
    )
    return click.command(verb)(APPROVAL(ETAG(NOTES(asks(decide)))))


_VERDICTS = (
    _verdict("approve", "ApprovePriceChange", "Agree: the change is made, and its notice begins."),
    _verdict("reject", "RejectPriceChange", "Refuse, for good."),
    _verdict("request-changes", "RequestChanges", "Ask for another proposal."),
)


@click.command("changes")
@click.option(
    "--state", "states", type=click.Choice(words.names(PriceChangeState)), multiple=True,
    help="Only these. Repeatable.",
)  # fmt: skip
@OF_TIER
@LIMIT
@asks
async def list_changes(
    pricing: Pricing, *, states: tuple[str, ...], tier_id: str, limit: int, as_json: bool
) -> None:
    r"""List approved changes and what became of them, the latest approved first.

    \b
    footfall approvals changes --state notice_running
    """
    numbers = [PriceChangeState.ValueType(words.number(PriceChangeState, one)) for one in states]
    request = pb.ListPriceChangesRequest(page_size=limit, states=numbers, tier_id=tier_id)
    answer = await pricing.ask("ListPriceChanges", request)
    if as_json:
        one_line(answer)
    else:
        found = changes.several(printable(answer).price_changes)
        show(found, MORE if answer.next_page_token else "")


@click.command("cancel")
@CHANGE
@click.option("--etag", metavar="ETAG", type=TEXT, default="", help="[default: that of now]")
@NOTES
@asks
async def cancel(
    pricing: Pricing, *, price_change_id: str, etag: str, notes: str, as_json: bool
) -> None:
    r"""Stop a change before its time; no price changes. By an owner or an admin.

    \b
    footfall approvals cancel CHANGE --notes 'the notice went to the wrong list'
    """
    wanted = etag or await _etag(pricing, price_change_id)
    request = pb.CancelPriceChangeRequest(price_change_id=price_change_id, etag=wanted, notes=notes)
    answer = await pricing.ask("CancelPriceChange", request)
    tell(answer, lambda told: changes.one(told.price_change), as_json=as_json)


@click.command("roll-back")
@CHANGE
@REASON
@asks
async def roll_back(pricing: Pricing, *, price_change_id: str, reason: str, as_json: bool) -> None:
    r"""Ask for the price that was before a change in force: a request like any other.

    \b
    footfall approvals roll-back CHANGE --reason 'twice as many left as predicted'
    """
    request = pb.RollBackPriceChangeRequest(price_change_id=price_change_id, reason=reason)
    await ask_and_tell(pricing, "RollBackPriceChange", request, as_json=as_json)


@click.command("notice")
@CHANGE
@click.argument("client_id", metavar="CLIENT", type=TEXT)
@click.option("--at", type=BeginningOf(), help="When it was delivered.  [default: now]")
@click.option(
    "--channel", metavar="TEXT", type=TEXT, default="",
    help="How: `e-mail` and the id of the message, say.",
)  # fmt: skip
@asks
async def notice(
    pricing: Pricing,
    *,
    price_change_id: str,
    client_id: str,
    at: Timestamp | None,
    channel: str,
    as_json: bool,
) -> None:
    r"""Record that a subscriber was told of an increase; the first record stands.

    They pay the new price 30 days of 24 hours later, and not before the change itself.

    \b
    footfall approvals notice CHANGE nw-1 --at 2026-11-21T09:00:00Z --channel 'e-mail 7f3a'
    """
    request = pb.RecordNoticeDeliveredRequest(
        price_change_id=price_change_id, client_id=client_id, delivered_at=at, channel=channel
    )
    answer = await pricing.ask("RecordNoticeDelivered", request)
    tell(answer, changes.noticed, as_json=as_json)


async def _etag(pricing: Pricing, price_change_id: str) -> str:
    """Of the change as it is now."""
    request = pb.ListPriceChangesRequest(page_size=_PAGE)
    while True:
        page: Any = await pricing.ask("ListPriceChanges", request)
        for one in page.price_changes:
            if one.price_change_id == price_change_id:
                return str(one.etag)
        if not page.next_page_token:
            raise CallRefused(f"There is no change {price_change_id}; see `approvals changes`.")
        request.page_token = page.next_page_token


COMMANDS: tuple[click.Command, ...] = (*_VERDICTS, list_changes, cancel, roll_back, notice)
