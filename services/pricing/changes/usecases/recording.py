"""What the worker's acts leave behind, in their transactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.pricing.approvals import queries as approvals
from services.pricing.approvals.rules import records
from services.pricing.changes.queries import acting
from services.pricing.changes.rules import effects
from services.pricing.changes.rules.changes import PriceChange, Review
from services.pricing.changes.usecases.turns import WORKER
from shared.database import RawConnection
from shared.identity.identity import Role
from shared.schema import audit, outbox


async def record_change(raw: RawConnection, org_id: UUID, change: PriceChange, **more: str) -> None:
    """Where a change came to stand."""
    action, target = effects.ACTS[change.state], str(change.price_change_id)
    await record(raw, org_id, action, target, effects.details(change, **more))


async def record_approvals(
    raw: RawConnection, org_id: UUID, approval_ids: Sequence[UUID], action: str
) -> None:
    """What became of requests; the log that watches follow is another."""
    found = await approvals.select_approvals_by_id(raw, org_id, approval_ids, "")
    for approval_id in approval_ids:
        details = records.details(found[approval_id])
        await record(raw, org_id, action, str(approval_id), details)


async def tell_of_change(
    raw: RawConnection, org_id: UUID, change: PriceChange, review: Review | None = None
) -> None:
    """Send it to whoever listens, under an id that is always the same."""
    if await acting.select_listened(raw, org_id, effects.TOPIC):
        about = change.state.name if review is None else f"review {review.days}"
        message_id, body = effects.message_id(change, about), effects.message(change, review)
        topic = effects.TOPIC
        await outbox.append(raw, org_id, message_id=message_id, topic=topic, body=body)


async def record(
    raw: RawConnection, org_id: UUID, action: str, target: str, details: Mapping[str, Any]
) -> None:
    """An act of the worker's own accord."""
    await audit.append(
        raw,
        org_id,
        actor=WORKER,
        actor_role=Role.SERVICE.value,
        action=action,
        target=target,
        details=details,
    )
