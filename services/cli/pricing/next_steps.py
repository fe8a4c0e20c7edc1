"""Which commands lead on from where a request or a change stands, to be copied."""

from __future__ import annotations

from collections.abc import Iterator

from footfall.pricing.v1.approval_pb2 import (
    Approval,
    ApprovalState,
    GetApprovalResponse,
    PriceChange,
    PriceChangeState,
)

OPEN = (
    ApprovalState.APPROVAL_STATE_PENDING_REVIEW,
    ApprovalState.APPROVAL_STATE_CHANGES_REQUESTED,
)
"""Nobody has decided for good."""

_AHEAD = (
    PriceChangeState.PRICE_CHANGE_STATE_APPROVED,
    PriceChangeState.PRICE_CHANGE_STATE_NOTICE_RUNNING,
)
_WHY = "'WHY'"


def of(told: GetApprovalResponse) -> Iterator[str]:
    """Of a request, and of the change that came of it."""
    one = told.approval
    if one.state == ApprovalState.APPROVAL_STATE_PENDING_REVIEW:
        for verb in ("approve", "reject", "request-changes"):
            yield _step(verb, one.approval_id, f"--etag {one.etag} --notes {_WHY}")
    if one.state in OPEN:
        price = "--price AMOUNT"
        yield _step("revise", one.approval_id, f"--etag {one.etag} {price} --reason {_WHY}")
        yield _step("withdraw", one.approval_id, f"--etag {one.etag}")
    elif told.HasField("price_change"):
        yield from _of_change(told.price_change)
    else:
        yield from _again(one)


def _of_change(one: PriceChange) -> Iterator[str]:
    if one.state == PriceChangeState.PRICE_CHANGE_STATE_NOTICE_RUNNING:
        yield _step("notice", one.price_change_id, "CLIENT --channel e-mail")
    if one.state in _AHEAD:
        yield _step("cancel", one.price_change_id, f"--etag {one.etag} --notes {_WHY}")
    elif one.state == PriceChangeState.PRICE_CHANGE_STATE_EFFECTIVE:
        yield _step("roll-back", one.price_change_id, f"--reason {_WHY}")


def _again(one: Approval) -> Iterator[str]:
    """What is over can be asked for anew."""
    yield f"footfall approvals request {one.tier_id} \\\n    --price AMOUNT --reason {_WHY}"


def _step(verb: str, of_what: str, rest: str) -> str:
    """In two lines, for an id is long."""
    return f"footfall approvals {verb} {of_what} \\\n    {rest}"
