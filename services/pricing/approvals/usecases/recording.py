"""What every transition leaves behind, in its transaction."""

from __future__ import annotations

from services.pricing.approvals import queries
from services.pricing.approvals.queries import Outcome
from services.pricing.approvals.rules import records
from services.pricing.approvals.rules.approval import Approval
from services.pricing.approvals.rules.refusals import MARKED, OK, refusal
from shared.database import RawConnection
from shared.errors import FootfallError
from shared.identity.identity import Identity


async def conclude(
    raw: RawConnection,
    caller: Identity,
    outcome: Outcome,
    action: str,
    *,
    decides: bool = False,
    **more: str,
) -> Approval | FootfallError:
    """The request as it stands after what the database said, put on record.

    An error that is returned comes with a request that was marked as over: it is to be committed.
    Any other is raised.
    """
    if outcome.word == OK:
        return await record(raw, caller, action, outcome, **more)
    error = refusal(outcome.word, outcome.approval, decides=decides)
    if outcome.word not in MARKED:
        raise error
    await record(raw, caller, MARKED[outcome.word], outcome)
    return error


async def record(
    raw: RawConnection, caller: Identity, action: str, outcome: Outcome, **more: str
) -> Approval:
    """Tell watches, whoever listens to what waits for a decision, and last the audit log."""
    approval = outcome.approval
    assert approval is not None, "the database has said that it is there"
    entry = {"actor": caller.actor, "actor_role": caller.role.value, "action": action}
    left = records.record(approval, entry, listened=outcome.listened, **more)
    await queries.insert_records(raw, caller.org_id, approval.approval_id, left)
    return approval
