"""Commands that ask for a price: list, show, request, revise, withdraw, watch."""

from __future__ import annotations

from collections.abc import Callable

import click
from google.protobuf.timestamp_pb2 import Timestamp

from footfall.pricing.v1.approval_pb2 import (
    ApprovalState,
    GetApprovalRequest,
    GetApprovalResponse,
    ListApprovalsRequest,
    RequestApprovalRequest,
    ReviseApprovalRequest,
)
from footfall.pricing.v1.decision_pb2 import WithdrawApprovalRequest
from services.cli import words
from services.cli.calling import Caller, calls_to
from services.cli.following import until_told
from services.cli.inputs import LIMIT, TEXT
from services.cli.pricing import money, review
from services.cli.pricing.asking import Pricing, asks
from services.cli.pricing.deciding import ask_and_tell
from services.cli.pricing.parameters import (
    APPROVAL,
    EFFECTIVE,
    ETAG,
    ID,
    OF_TIER,
    REASON,
    TIER,
    tier_of,
)
from services.cli.pricing.watching import Watch, watched
from services.cli.telling import MORE, one_line, printable, show


@click.command("list")
@click.option(
    "--state", "states", type=click.Choice(words.names(ApprovalState)), multiple=True,
    help="Only these. Repeatable.",
)  # fmt: skip
@OF_TIER
@LIMIT
@asks
async def list_approvals(
    pricing: Pricing, *, states: tuple[str, ...], tier_id: str, limit: int, as_json: bool
) -> None:
    r"""List requests, the latest first.

    \b
    footfall approvals list --state pending_review
    """
    numbers = [ApprovalState.ValueType(words.number(ApprovalState, one)) for one in states]
    request = ListApprovalsRequest(page_size=limit, states=numbers, tier_id=tier_id)
    answer = await pricing.ask("ListApprovals", request)
    if as_json:
        one_line(answer)
        return
    lines = [review.line(one) for one in printable(answer).approvals]
    show(*lines or ["[dim]There are no such requests.[/]"], MORE if answer.next_page_token else "")


@click.command("show")
@APPROVAL
@asks
async def show_approval(pricing: Pricing, *, approval_id: str, as_json: bool) -> None:
    r"""Show a request to whoever decides: what it may do, and how to go on.

    \b
    footfall approvals show 0198f3a2-5b7c-7000-8000-2f1d3c4b5a69
    """
    request = GetApprovalRequest(approval_id=approval_id)
    await ask_and_tell(pricing, "GetApproval", request, as_json=as_json)


@click.command("request")
@TIER
@money.amount_option("--price", "What it is to cost", required=True)
@money.CURRENCY
@REASON
@click.option(
    "--suggestion", "suggestion_id", type=ID, default=None, help="The suggestion that it follows."
)
@EFFECTIVE
@asks
async def request_approval(
    pricing: Pricing,
    *,
    tier_id: str,
    price: tuple[str, str],
    currency: str,
    reason: str,
    suggestion_id: str | None,
    effective: Timestamp | None,
    as_json: bool,
) -> None:
    r"""Ask for another price. Somebody else has to agree to it.

    \b
    footfall approvals request pro --price 59.00 --reason 'more is in it since May'
    footfall approvals request pro --price '39.00 EUR' --reason 'autumn' --effective 2026-12-01
    """
    code = currency or price[1] or (await tier_of(pricing, tier_id)).price.currency_code
    request = RequestApprovalRequest(
        tier_id=tier_id,
        proposed_price=money.amount(price, code),
        suggestion_id=suggestion_id or "",
        reason=reason,
        requested_effective_time=effective,
    )
    await ask_and_tell(pricing, "RequestApproval", request, as_json=as_json)


@click.command("revise")
@APPROVAL
@ETAG
@money.amount_option("--price", "What it is to cost instead", required=True)
@money.CURRENCY
@REASON
@EFFECTIVE
@asks
async def revise(
    pricing: Pricing,
    *,
    approval_id: str,
    etag: str,
    price: tuple[str, str],
    currency: str,
    reason: str,
    effective: Timestamp | None,
    as_json: bool,
) -> None:
    r"""Change what is asked, while it is undecided. What was said of it is void then.

    Who revises cannot decide.

    \b
    footfall approvals revise APPROVAL --etag 2 --price 55.00 --reason 'as Bob proposed'
    """
    code = currency or price[1] or await _currency(pricing, approval_id)
    request = ReviseApprovalRequest(
        approval_id=approval_id,
        etag=etag,
        proposed_price=money.amount(price, code),
        reason=reason,
        requested_effective_time=effective,
    )
    await ask_and_tell(pricing, "ReviseApproval", request, as_json=as_json)


@click.command("withdraw")
@APPROVAL
@ETAG
@click.option("--notes", metavar="TEXT", type=TEXT, default="", help="Why.")
@asks
async def withdraw(
    pricing: Pricing, *, approval_id: str, etag: str, notes: str, as_json: bool
) -> None:
    r"""Take a request back that you made or revised, while it is undecided.

    \b
    footfall approvals withdraw APPROVAL --etag 2 --notes 'asked for the wrong tier'
    """
    request = WithdrawApprovalRequest(approval_id=approval_id, etag=etag, notes=notes)
    await ask_and_tell(pricing, "WithdrawApproval", request, as_json=as_json)


@click.command("watch")
@OF_TIER
@click.option(
    "--count", type=click.IntRange(1), metavar="N", help="End after N changes.  [default: never]"
)
@click.option(
    "--resume-token", type=TEXT, metavar="TOKEN", default="",
    help="Go on where an earlier one ended, with the same filter.",
)  # fmt: skip
@click.option(
    "--json", "as_json", is_flag=True,
    help="One JSON document per change and line, on standard output: there is no end to wait for.",
)  # fmt: skip
@calls_to("pricing")
def watch(
    *,
    tier_id: str,
    count: int | None,
    resume_token: str,
    as_json: bool,
    caller: Callable[[], Caller],
) -> None:
    r"""Follow requests as they change, until Ctrl-C.

    It begins now, and goes on by itself when the service restarts. At its end it says the token to
    go on with another time.

    \b
    footfall approvals watch --tier pro --json | jq .state
    """
    following = Watch(caller(), tier_id, resume_token)
    until_told(watched(following, count, as_json=as_json))
    if following.token:
        click.echo(f"Go on with: --resume-token {following.token}", err=True)


async def _currency(pricing: Pricing, approval_id: str) -> str:
    """Of what is asked so far."""
    known: GetApprovalResponse = await pricing.ask(
        "GetApproval", GetApprovalRequest(approval_id=approval_id)
    )
    return known.approval.proposed_price.currency_code


COMMANDS: tuple[click.Command, ...] = (
    list_approvals,
    show_approval,
    request_approval,
    revise,
    withdraw,
    watch,
)
