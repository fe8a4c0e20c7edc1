"""Price changes read, stopped, taken back and told of."""

from __future__ import annotations

from uuid import UUID

from services.pricing.approvals.rules.approval import Approval, Proposal, Wanted
from services.pricing.approvals.rules.writing import moment
from services.pricing.approvals.usecases import request_approval, weigh
from services.pricing.changes import queries
from services.pricing.changes.errors import (
    AlreadyApplied,
    IsDue,
    NeedsNoNotice,
    NoSubscription,
    NotInForce,
    PriceChangeNotFound,
    PriceChangeOver,
    PriceChangeStale,
)
from services.pricing.changes.rules.changes import (
    After,
    Cancellation,
    ChangeState,
    Notice,
    Page,
    PriceChange,
    RollBack,
    Told,
    Where,
)
from services.pricing.changes.rules.effects import details
from services.pricing.changes.usecases.recording import tell_of_change
from services.pricing.parts import Parts
from shared.database import Database, RawConnection
from shared.errors import FootfallError, InvalidField, RoleNotPermitted
from shared.identity.identity import Identity
from shared.schema import audit


async def list_price_changes(
    database: Database, caller: Identity, where: Where, *, after: After | None, size: int
) -> Page:
    """A page of changes, the latest approved first."""
    async with database.raw_transaction(caller.tenant) as raw:
        found = await queries.select_price_changes(
            raw, caller.org_id, where, after=after, limit=size + 1
        )
    return Page(found[:size], len(found) > size)


async def cancel_price_change(
    raw: RawConnection, caller: Identity, asked: Cancellation
) -> PriceChange:
    """Stop a change before its time.

    Raises PriceChangeNotFound, AlreadyApplied, PriceChangeOver, PriceChangeStale, IsDue,
    RoleNotPermitted, InvalidField.
    """
    org_id, change_id = caller.org_id, asked.price_change_id
    known = await _known(raw, org_id, change_id)
    word = await queries.update_cancelled(
        raw, org_id, change_id, known.number_of(org_id, asked.etag), asked.notes
    )
    if word != "OK":
        raise _refusal(word, caller)
    change = await _known(raw, org_id, change_id)
    await tell_of_change(raw, org_id, change)
    await audit.append(
        raw,
        org_id,
        actor=caller.actor,
        actor_role=caller.role.value,
        action="price_change.cancel",
        target=str(change_id),
        details=details(change, notes=asked.notes),
    )
    return change


async def plan_roll_back(
    parts: Parts, caller: Identity, price_change_id: UUID, reason: str
) -> RollBack:
    """What is asked for to take a change back, and what is known of that, before the transaction.

    Raises PriceChangeNotFound.
    """
    async with parts.database.raw_transaction(caller.tenant) as raw:
        change = await _known(raw, caller.org_id, price_change_id)
    proposal = Proposal(change.old_minor, change.currency, reason)
    wanted = Wanted(change.tier_id, proposal, rolls_back=price_change_id)
    return RollBack(change, wanted, await weigh(parts, caller, wanted))


async def roll_back_price_change(raw: RawConnection, caller: Identity, asked: RollBack) -> Approval:
    """Ask for the price that was before a change in force. Raises NotInForce, PriceMoved."""
    change = await _known(raw, caller.org_id, asked.change.price_change_id)
    if change.state is not ChangeState.EFFECTIVE:
        raise NotInForce
    approval = await request_approval(raw, caller, asked.wanted, asked.weighed)
    if approval.base_version != change.base_version + 1:  # another came in between
        raise NotInForce
    return approval


async def record_notice_delivered(raw: RawConnection, caller: Identity, told: Told) -> Notice:
    """Record that a client was told; the record that stands.

    Raises PriceChangeNotFound, PriceChangeOver, NeedsNoNotice, NoSubscription, InvalidField.
    """
    org_id = caller.org_id
    word = await queries.insert_notice(raw, org_id, told, caller.actor)
    if word not in {"OK", "EXISTS"}:
        raise _refusal(word, caller)
    notice = await queries.select_notice(raw, org_id, told.price_change_id, told.client_id)
    assert notice is not None, "the database has said that it is there"
    if word == "OK":
        await _record_notice(raw, caller, told, notice)
    return notice


async def _record_notice(raw: RawConnection, caller: Identity, told: Told, notice: Notice) -> None:
    await audit.append(
        raw,
        caller.org_id,
        actor=caller.actor,
        actor_role=caller.role.value,
        action="price_notice.record",
        target=str(told.price_change_id),
        details={
            "client_id": told.client_id,
            "delivered_at": moment(notice.delivered_at),
            "effective_time": moment(notice.effective_at),
            "channel": told.channel,
        },
    )


async def _known(raw: RawConnection, org_id: UUID, price_change_id: UUID) -> PriceChange:
    found = await queries.select_uncounted(raw, org_id, [price_change_id])
    if not found:
        raise PriceChangeNotFound(resource="price_change")
    return found[0]


_REFUSALS: dict[str, type[FootfallError]] = {
    "ALREADY_APPLIED": AlreadyApplied,
    "OVER": PriceChangeOver,
    "ETAG": PriceChangeStale,
    "DUE": IsDue,
    "DECREASE": NeedsNoNotice,
    "SUBSCRIPTION": NoSubscription,
}


def _refusal(word: str, caller: Identity) -> FootfallError:
    """Why not, by the word of the guard."""
    if word == "NOT_FOUND":
        return PriceChangeNotFound(resource="price_change")
    if word == "ROLE":
        return RoleNotPermitted(role=caller.role.value)
    if word == "INCOMPLETE":
        return InvalidField.of("notes", "must say why: spaces alone do not")
    if word == "TIME":
        return InvalidField.of("delivered_at", "must lie between the approval and now")
    return _REFUSALS[word]()
