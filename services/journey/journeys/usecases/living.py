"""The journey of a client begins with it and goes with it: for those who make and delete them."""

from __future__ import annotations

from uuid import UUID

from services.journey.journeys import queries
from services.journey.journeys.rules.vocabulary import Micros
from shared.database import RawConnection


async def start(raw: RawConnection, org_id: UUID, client_id: str, now: Micros) -> bool:
    """Hold a client's state until the end of the transaction; True when it was made now.

    Whoever made it makes the client, and restates it.
    """
    while True:
        if await queries.insert_state(raw, org_id, client_id, now):
            return True
        if await hold(raw, org_id, client_id):
            return False
        # It was deleted in between.


async def hold(raw: RawConnection, org_id: UUID, client_id: str) -> bool:
    """Hold a client's state until the end of the transaction; False when there is none."""
    return bool(await queries.lock_states(raw, org_id, [client_id]))


async def forget(raw: RawConnection, org_id: UUID, client_id: str) -> int:
    """Delete the journey of a client whose state is held; how many events that were."""
    deleted = await queries.delete_events(raw, org_id, client_id)
    await queries.delete_visits(raw, org_id, [client_id])
    await queries.delete_state(raw, org_id, client_id)
    return deleted
