"""The answers that are kept for calls that may be repeated. Everyone appends, here only.

The table stands in `events.py`. Which answer, and for how long, is told in `shared/idempotency.py`.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from psycopg import AsyncConnection

# Nobody else works on this id until the transaction ends.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_SELECT = """
SELECT content_hash, answer FROM app.request_answers
WHERE org_id = %s AND method = %s AND request_id = %s
"""
_INSERT = """
INSERT INTO app.request_answers (org_id, method, request_id, content_hash, answer, answered_at)
VALUES (%s::uuid, %s::text, %s::uuid, %s::bytea, %s::bytea, now())
"""


class Place(NamedTuple):
    """Whose call of what it was, by the id that the caller gave it."""

    org_id: UUID
    method: str
    request_id: UUID


async def lock_answer(connection: AsyncConnection[Any], place: Place) -> tuple[bytes, bytes] | None:
    """The hash of what was asked and the answer, if there is one.

    `connection` must be inside a transaction that carries the organisation's identity.
    """
    await connection.execute(_LOCK, ("request:{}:{}:{}".format(*place),))
    row = await (await connection.execute(_SELECT, place)).fetchone()
    return None if row is None else (bytes(row[0]), bytes(row[1]))


async def insert_answer(
    connection: AsyncConnection[Any], place: Place, content: bytes, answer: bytes
) -> None:
    """Keep an answer, when and if the open transaction commits."""
    await connection.execute(_INSERT, (*place, content, answer))
