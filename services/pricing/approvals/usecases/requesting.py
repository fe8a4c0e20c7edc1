"""Asking for a price, and asking for another one."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from services.pricing.approvals import queries
from services.pricing.approvals.errors import PriceMoved
from services.pricing.approvals.rules.approval import Approval, Revision, Wanted
from services.pricing.approvals.rules.ground import Asked, Weighed
from services.pricing.approvals.rules.records import origin
from services.pricing.approvals.rules.refusals import OK, refusal, refusal_of_request
from services.pricing.approvals.usecases.recording import conclude, record
from shared import ids
from shared.database import RawConnection
from shared.errors import FootfallError
from shared.identity.identity import Identity

_TRIES = 5

P = ParamSpec("P")
Answer = TypeVar("Answer")
Ask = Callable[P, Coroutine[Any, Any, Answer]]


def while_prices_move(ask: Ask[P, Answer]) -> Ask[P, Answer]:
    """Weighs and asks, and anew when the price in force moves between the two.

    Raises PriceMoved when it does so again and again.
    """

    @functools.wraps(ask)
    async def asks(*args: P.args, **kwargs: P.kwargs) -> Answer:
        for _ in range(_TRIES - 1):
            with suppress(PriceMoved):
                return await ask(*args, **kwargs)
        return await ask(*args, **kwargs)

    return asks


async def request_approval(
    raw: RawConnection, caller: Identity, wanted: Wanted, weighed: Weighed
) -> Approval:
    """Ask. Raises TierNotFound, InvalidField, NoticeTooShort, PriceMoved."""
    outcome = await queries.insert_request(
        raw, caller.org_id, new_id(), wanted, Asked(weighed, caller.actor)
    )
    if outcome.word != OK:
        raise refusal_of_request(outcome.word)
    approval = outcome.approval
    assert approval is not None, "it was made a moment ago"
    _check_base(approval, weighed)
    reason = wanted.proposal.reason
    return await record(raw, caller, "approval.request", outcome, reason=reason, **origin(approval))


async def revise_approval(
    raw: RawConnection, caller: Identity, revision: Revision, weighed: Weighed
) -> Approval | FootfallError:
    """Ask for another price; an error that is returned is to be committed.

    Raises ApprovalNotFound, ApprovalStale, ApprovalDecided and like `request_approval`.
    """
    org_id = caller.org_id
    known = await queries.select_approval(raw, org_id, revision.approval_id)
    if known is None:
        raise refusal("NOT_FOUND", None)
    asked = Asked(weighed, caller.actor)
    outcome = await queries.insert_revision(raw, org_id, known, revision, asked)
    if outcome.word == OK and outcome.approval is not None:
        _check_base(outcome.approval, weighed)
    reason = revision.proposal.reason
    return await conclude(raw, caller, outcome, "approval.revise", reason=reason)


def new_id() -> UUID:
    """The time is in it, so that later ones sort after it."""
    return UUID(bytes=ids.uuid7(time.time_ns() // 1_000_000))


def _check_base(approval: Approval, weighed: Weighed) -> None:
    """What is frozen has to be about the price that the request would change."""
    if approval.base_version != weighed.base_version:
        raise PriceMoved
