"""Where an organisation wants messages of a topic to be sent, and what signs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from shared.identity.administration.desk import ActRefused, Desk
from shared.schema.insights import webhook_endpoints
from shared.schema.outbox import outbox

_W = webhook_endpoints.c
_PENDING, _DEAD = 1, 3


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint as it stands, without its secret."""

    topic: str
    url: str
    disabled: bool
    disabled_reason: str
    rotated_at: datetime | None
    created_at: datetime


async def set_url(desk: Desk, org_id: UUID, topic: str, url: str, secret: str) -> bool:
    """Send messages of the topic there from now on; whether `secret` signs them.

    It does for a new endpoint. One that exists keeps its own, and is switched on again.
    """
    async with desk.acting(org_id) as act:
        connection = act.transaction.connection
        changed = await connection.execute(
            update(webhook_endpoints)
            .where(_W.org_id == org_id, _W.topic == topic)
            .values(url=url, disabled=False, disabled_reason="")
        )
        if not changed.rowcount:
            await connection.execute(
                insert(webhook_endpoints).values(
                    org_id=org_id,
                    topic=topic,
                    url=url,
                    secret=secret,
                    disabled=False,
                    disabled_reason="",
                    created_at=desk.clock.now(),
                )
            )
        await act.record("webhook.set", topic, url=_without_query(url))
    return not changed.rowcount


async def rotate(desk: Desk, org_id: UUID, topic: str, secret: str) -> None:
    """Sign with a new secret, and with the one before for a day."""
    async with desk.acting(org_id) as act:
        changed = await act.transaction.connection.execute(
            update(webhook_endpoints)
            .where(_W.org_id == org_id, _W.topic == topic)
            .values(secret=secret, previous_secret=_W.secret, rotated_at=desk.clock.now())
        )
        _require_found(changed.rowcount, org_id, topic)
        await act.record("webhook.rotate", topic)


async def remove(desk: Desk, org_id: UUID, topic: str) -> None:
    """Send nothing of the topic any more; what waits is given up."""
    async with desk.acting(org_id) as act:
        removed = await act.transaction.connection.execute(
            delete(webhook_endpoints).where(_W.org_id == org_id, _W.topic == topic)
        )
        _require_found(removed.rowcount, org_id, topic)
        await act.record("webhook.remove", topic)


async def retry(desk: Desk, org_id: UUID, topic: str) -> int:
    """Try messages anew that were given up, from the first try on; says how many there are."""
    now = desk.clock.now()
    async with desk.acting(org_id) as act:
        again = await act.transaction.connection.execute(
            update(outbox)
            .where(outbox.c.org_id == org_id, outbox.c.topic == topic, outbox.c.state == _DEAD)
            .values(state=_PENDING, attempts=0, next_attempt_at=now, finished_at=None)
        )
        await act.record("webhook.retry", topic, messages=again.rowcount)
    return again.rowcount


async def all_of_them(desk: Desk, org_id: UUID) -> Sequence[Webhook]:
    """Every endpoint of the organisation, by topic."""
    columns = (_W.topic, _W.url, _W.disabled, _W.disabled_reason, _W.rotated_at, _W.created_at)
    async with desk.acting(org_id) as act:
        rows = await act.transaction.connection.execute(
            select(*columns).where(_W.org_id == org_id).order_by(_W.topic)
        )
        return [Webhook(**row) for row in rows.mappings()]


def _without_query(url: str) -> str:
    """A URL for the audit log, which never forgets: its query may be a secret."""
    return url.partition("?")[0]


def _require_found(rows: int, org_id: UUID, topic: str) -> None:
    if not rows:
        raise ActRefused(f"{org_id} has no webhook for {topic}; see `footfall webhook list`.")
