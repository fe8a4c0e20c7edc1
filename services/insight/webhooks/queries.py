"""The SQL of delivery. A message that is taken is leased: until then nobody else finds it due."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from services.insight.webhooks.rules.endpoints import Endpoint, Lane, Message
from services.insight.webhooks.rules.verdicts import Answer
from shared.database import RawConnection

# The maintenance login finds who has something to send; it sees every organisation.
_SELECT_DUE_LANES = """
SELECT DISTINCT org_id, topic FROM app.outbox WHERE state = 1 AND next_attempt_at <= %s
"""

_SELECT_ENDPOINT = """
SELECT url, secret, previous_secret, rotated_at FROM app.webhook_endpoints
WHERE org_id = %s AND topic = %s AND NOT disabled
"""

_LOCK_DUE = """
SELECT message_id, body, attempts FROM app.outbox
WHERE org_id = %s AND topic = %s AND state = 1 AND next_attempt_at <= %s
ORDER BY next_attempt_at LIMIT %s FOR UPDATE SKIP LOCKED
"""

_UPDATE_LEASES = """
UPDATE app.outbox SET next_attempt_at = %s::timestamptz
WHERE org_id = %s AND message_id = ANY(%s::uuid[])
"""

_LOCK_PENDING = """
SELECT message_id FROM app.outbox WHERE org_id = %s AND topic = %s AND state = 1
LIMIT %s FOR UPDATE SKIP LOCKED
"""

_UPDATE_GIVEN_UP = """
UPDATE app.outbox SET state = 3, finished_at = %s::timestamptz, last_error = %s::text
WHERE org_id = %s AND message_id = ANY(%s::uuid[]) AND state = 1
"""

# Whoever tried it last may say that it arrived, even after the lease.
_UPDATE_DELIVERED = """
UPDATE app.outbox SET state = 2, attempts = attempts + 1, finished_at = %s::timestamptz,
  last_status = %s::integer, last_error = ''
WHERE org_id = %s AND message_id = %s AND state = 1
"""

# That it failed counts only from whoever holds the lease.
_UPDATE_FAILED = """
UPDATE app.outbox SET attempts = attempts + 1, state = %s::smallint,
  next_attempt_at = coalesce(%s::timestamptz, next_attempt_at), finished_at = %s::timestamptz,
  last_status = %s::integer, last_error = %s::text
WHERE org_id = %s AND message_id = %s AND state = 1 AND next_attempt_at = %s
"""

_UPDATE_ENDPOINT_OFF = """
UPDATE app.webhook_endpoints SET disabled = true, disabled_reason = %s::text
WHERE org_id = %s AND topic = %s AND url = %s AND NOT disabled
"""

_PENDING, _DEAD = 1, 3


async def select_due_lanes(raw: RawConnection, now: datetime) -> list[Lane]:
    """Every lane with a message that is due."""
    return [Lane(*row) async for row in await raw.execute(_SELECT_DUE_LANES, (now,))]


async def select_endpoint(raw: RawConnection, lane: Lane) -> Endpoint | None:
    """Where the lane leads; None when nowhere, or when its receiver is gone."""
    row = await (await raw.execute(_SELECT_ENDPOINT, lane)).fetchone()
    return None if row is None else Endpoint(*row)


async def lock_due(
    raw: RawConnection, lane: Lane, now: datetime, limit: int, lease_until: datetime
) -> list[Message]:
    """Messages that are due, the longest first, held until the transaction ends."""
    rows = await raw.execute(_LOCK_DUE, (*lane, now, limit))
    return [Message(row[0], row[1], row[2], lease_until) async for row in rows]


async def update_leases(raw: RawConnection, lane: Lane, messages: Collection[Message]) -> None:
    """Nobody finds these due before their leases are over."""
    for lease_until in {one.lease_until for one in messages}:
        ids = [one.message_id for one in messages]
        await raw.execute(_UPDATE_LEASES, (lease_until, lane.org_id, ids))


async def lock_pending(raw: RawConnection, lane: Lane, limit: int) -> list[UUID]:
    """Messages that wait, due or not, held until the transaction ends."""
    return [row[0] async for row in await raw.execute(_LOCK_PENDING, (*lane, limit))]


async def update_given_up(
    raw: RawConnection, lane: Lane, messages: Collection[UUID], now: datetime, why: str
) -> None:
    """Never try these again."""
    await raw.execute(_UPDATE_GIVEN_UP, (now, why, lane.org_id, list(messages)))


async def update_delivered(
    raw: RawConnection, lane: Lane, message: Message, now: datetime, answer: Answer
) -> None:
    """The receiver has it."""
    values = (now, answer.status, lane.org_id, message.message_id)
    await raw.execute(_UPDATE_DELIVERED, values)


async def update_failed(
    raw: RawConnection,
    lane: Lane,
    message: Message,
    answer: Answer,
    error: str,
    *,
    next_attempt_at: datetime | None = None,
    finished_at: datetime | None = None,
) -> bool:
    """A try failed: another follows, or none ever. False when the lease was lost."""
    state = _DEAD if next_attempt_at is None else _PENDING
    values = (state, next_attempt_at, finished_at, answer.status, error, lane.org_id,
              message.message_id, message.lease_until)  # fmt: skip
    return (await raw.execute(_UPDATE_FAILED, values)).rowcount == 1


async def update_endpoint_off(raw: RawConnection, lane: Lane, url: str, why: str) -> bool:
    """Send nothing there any more; False when it is off already, or another URL by now."""
    return (await raw.execute(_UPDATE_ENDPOINT_OFF, (why, *lane, url))).rowcount == 1
