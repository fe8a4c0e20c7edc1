"""The outbox: messages to the world outside, written in the transaction of what they tell.

Everyone appends, here only; a worker sends each until it is delivered or its tries are used up. A
message keeps its id on every try, so that a receiver can drop what it has seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from psycopg import AsyncConnection
from sqlalchemy import Column, Index, Integer, SmallInteger, Table, Text, Uuid, text

from shared.schema.metadata import metadata, moment, org_id

outbox = Table(
    "outbox",
    metadata,
    org_id(),
    Column("message_id", Uuid, primary_key=True),
    Column("topic", Text, nullable=False, comment="chooses the endpoint: `feed.concierge`"),
    Column("body", Text, nullable=False, comment="JSON, as it is signed and sent"),
    moment("created_at"),
    Column("state", SmallInteger, nullable=False, comment="1 pending, 2 delivered, 3 dead"),
    Column("attempts", Integer, nullable=False),
    moment("next_attempt_at"),
    moment("finished_at", nullable=True),
    Column("last_status", Integer, comment="of HTTP; NULL when there was no answer"),
    Column("last_error", Text, nullable=False),
    Index("outbox_due", "org_id", "topic", "next_attempt_at", postgresql_where=text("state = 1")),
)

_INSERT = """
INSERT INTO app.outbox (org_id, message_id, topic, body, created_at, state, attempts,
  next_attempt_at, last_error)
VALUES (%s::uuid, %s::uuid, %s, %s, now(), 1, 0, now(), '')
"""


async def append(
    connection: AsyncConnection[Any],
    org: UUID,
    *,
    message_id: UUID,
    topic: str,
    body: Mapping[str, Any],
) -> None:
    """Send this, when and if the open transaction commits.

    `connection` must be inside a transaction that carries the organisation's identity.
    """
    await connection.execute(_INSERT, (org, message_id, topic, orjson.dumps(body).decode()))
