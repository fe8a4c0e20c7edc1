"""What others say of a request, and taking it back.

Each returns the request as it stands then, or an error that is to be committed: the request was
found to be over, and marked so.
"""

from __future__ import annotations

from services.pricing.approvals import queries
from services.pricing.approvals.queries import Outcome
from services.pricing.approvals.rules.approval import NO_NUMBER, Approval, Decision, Verdict
from services.pricing.approvals.rules.records import ACTS
from services.pricing.approvals.usecases.reading import Approved
from services.pricing.approvals.usecases.recording import conclude
from services.pricing.approvals.usecases.requesting import new_id
from services.pricing.changes.queries import select_payers, select_uncounted
from services.pricing.changes.rules.changes import PriceChange, counted
from shared.database import RawConnection
from shared.errors import FootfallError
from shared.identity.identity import Identity


async def approve_price_change(
    raw: RawConnection, caller: Identity, decision: Decision
) -> Approved | FootfallError:
    """Agree to exactly what was read: with the change that comes of it.

    Raises NotADecider, ApprovalNotFound, SelfApproval, ApprovalStale, ApprovalWithdrawn,
    ApprovalExpired, ApprovalOvertaken.
    """
    known = await queries.select_approval(raw, caller.org_id, decision.approval_id)
    # Counted while nobody waits: from the verdict on the tier is held.
    payers = await select_payers(raw, caller.org_id, known.tier_id) if known else []
    outcome = await _said(raw, caller, decision, Verdict.APPROVED)
    change = await _made(raw, caller, outcome)  # before the end of the log is held
    stands = await _concluded(raw, caller, decision, Verdict.APPROVED, outcome)
    if isinstance(stands, FootfallError):
        return stands
    return stands, change and counted(change, payers, told=0)


async def reject_price_change(
    raw: RawConnection, caller: Identity, decision: Decision
) -> Approval | FootfallError:
    """Refuse. Raises like `approve_price_change`."""
    return await _decide(raw, caller, decision, Verdict.REJECTED)


async def request_changes(
    raw: RawConnection, caller: Identity, decision: Decision
) -> Approval | FootfallError:
    """Want another proposal. Raises like `approve_price_change`."""
    return await _decide(raw, caller, decision, Verdict.CHANGES_REQUESTED)


async def withdraw_approval(
    raw: RawConnection, caller: Identity, decision: Decision
) -> Approval | FootfallError:
    """Take it back. Raises ApprovalNotFound, NotTheirs, ApprovalStale, ApprovalDecided."""
    org_id, approval_id = caller.org_id, decision.approval_id
    known = await queries.select_approval(raw, org_id, approval_id)
    number = known.number_of(org_id, decision.etag) if known else NO_NUMBER
    outcome = await queries.update_withdrawn(raw, org_id, approval_id, number)
    return await conclude(raw, caller, outcome, "approval.withdraw", notes=decision.notes)


async def _decide(
    raw: RawConnection, caller: Identity, decision: Decision, verdict: Verdict
) -> Approval | FootfallError:
    outcome = await _said(raw, caller, decision, verdict)
    return await _concluded(raw, caller, decision, verdict, outcome)


async def _said(
    raw: RawConnection, caller: Identity, decision: Decision, verdict: Verdict
) -> Outcome:
    """The database has the only word, on who may as well, and so hears of what is not there."""
    org_id, approval_id = caller.org_id, decision.approval_id
    known = await queries.select_approval(raw, org_id, approval_id)
    return await queries.insert_verdict(
        raw,
        org_id,
        approval_id,
        number=known.number_of(org_id, decision.etag) if known else NO_NUMBER,
        content_hash=known.content_hash if known else b"",
        verdict=verdict,
        notes=decision.notes,
        price_change_id=new_id(),
    )


async def _made(raw: RawConnection, caller: Identity, outcome: Outcome) -> PriceChange | None:
    approval = outcome.approval
    if approval is None or approval.price_change_id is None:
        return None
    return (await select_uncounted(raw, caller.org_id, [approval.price_change_id]))[0]


async def _concluded(
    raw: RawConnection, caller: Identity, decision: Decision, verdict: Verdict, outcome: Outcome
) -> Approval | FootfallError:
    changed = outcome.approval.price_change_id if outcome.approval else None
    more = {"price_change_id": str(changed)} if changed else {}
    more["notes"] = decision.notes
    return await conclude(raw, caller, outcome, ACTS[verdict], decides=True, **more)
