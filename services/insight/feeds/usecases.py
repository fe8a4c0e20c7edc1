"""Handing insights to the concierge and the tier manager. One function per RPC."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.insight.detection.rules.vocabulary import Subject
from services.insight.feeds import queries
from services.insight.feeds.rules import (
    TIER_WINDOW,
    TOPICS,
    Delivery,
    DeliveryState,
    Feed,
)
from services.insight.insights.rules.life import Insight
from shared import ids
from shared.database import Database, Transaction
from shared.identity.identity import Identity
from shared.schema import audit, outbox

Compose = Callable[[Delivery, Sequence[Insight]], Mapping[str, Any]]
"""Makes the body of the webhook."""

HandedOver = tuple[Delivery, Sequence[Insight]]


async def get_concierge_context(
    database: Database, caller: Identity, subject: Subject | None
) -> tuple[Sequence[Insight], datetime]:
    """The latest open insights for a session, and when they were looked up."""
    async with database.tenant_transaction(caller.tenant) as transaction:
        now = datetime.now(UTC)
        return await queries.select_latest(transaction.connection, caller.org_id, subject), now


async def publish_to_concierge(
    transaction: Transaction,
    *,
    caller: Identity,
    compose: Compose,
    session_id: str,
    subject: Subject | None,
) -> HandedOver:
    """Hand the latest open insights to a session."""
    chosen = await queries.select_latest(transaction.connection, caller.org_id, subject)
    return await _hand_over(
        transaction, caller, Feed.CONCIERGE, chosen, compose=compose, session_id=session_id
    )


async def publish_to_tier_manager(
    transaction: Transaction, *, caller: Identity, compose: Compose
) -> HandedOver:
    """Hand over what speaks of tiers and was seen in the last seven days."""
    since = datetime.now(UTC) - TIER_WINDOW
    chosen = await queries.select_for_tier_manager(transaction.connection, caller.org_id, since)
    return await _hand_over(transaction, caller, Feed.TIER_MANAGER, chosen, compose=compose)


async def list_feed_deliveries(
    database: Database, caller: Identity, feed: Feed | None, *, before: UUID | None, size: int
) -> tuple[Sequence[Delivery], bool]:
    """A page of deliveries, the latest first, and whether there are more."""
    async with database.tenant_transaction(caller.tenant) as transaction:
        found = await queries.select_deliveries(
            transaction.connection, caller.org_id, feed, before=before, limit=size + 1
        )
    return found[:size], len(found) > size


async def _hand_over(
    transaction: Transaction,
    caller: Identity,
    feed: Feed,
    chosen: Sequence[Insight],
    *,
    compose: Compose,
    session_id: str = "",
) -> HandedOver:
    """Record it, put it on record, and send it if anybody listens: all of it or nothing."""
    connection, org_id, topic = transaction.connection, caller.org_id, TOPICS[feed]
    now = datetime.now(UTC)
    sends = await queries.select_endpoint_exists(connection, org_id, topic)
    delivery = Delivery(
        delivery_id=UUID(bytes=ids.uuid7(int(now.timestamp() * 1000))),
        feed=feed,
        session_id=session_id,
        insight_ids=[one.insight_id for one in chosen if one.insight_id is not None],
        created_at=now,
        created_by=caller.actor,
        state=DeliveryState.PENDING if sends else DeliveryState.RECORDED,
        next_attempt_at=now if sends else None,
    )
    message_id = delivery.delivery_id if sends else None
    await queries.insert_delivery(connection, org_id, delivery, message_id)
    if message_id is not None:
        body = compose(delivery, chosen)
        await outbox.append(transaction.raw, org_id, message_id=message_id, topic=topic, body=body)
    await _record(transaction, caller, delivery)
    return delivery, chosen


async def _record(transaction: Transaction, caller: Identity, delivery: Delivery) -> None:
    await audit.append(
        transaction.raw,
        caller.org_id,
        actor=caller.actor,
        actor_role=caller.role.value,
        action="feed.publish",
        target=str(delivery.delivery_id),
        details={
            "feed": TOPICS[delivery.feed],
            "session_id": delivery.session_id,
            "insights": len(delivery.insight_ids),
            "webhook": delivery.state is DeliveryState.PENDING,
        },
    )
