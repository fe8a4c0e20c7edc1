"""The audit log: who did what, in the transaction of what it records. Everyone appends, here only.

Entries of an organisation form a chain, as shared/audit_chain.py says. The head row serialises
writers of one organisation.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg import AsyncConnection
from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from shared.audit_chain import START, entry_hash, kept
from shared.schema.metadata import metadata, moment, org_id

audit_entries = Table(
    "audit_entries",
    metadata,
    org_id(),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    moment("recorded_at"),
    Column("actor", Text, nullable=False),
    Column("actor_role", Text, nullable=False),
    Column("action", Text, nullable=False, comment="such as `api_key.create`"),
    Column("target", Text, nullable=False),
    Column("details", JSONB, nullable=False),
    Column("previous_hash", LargeBinary, nullable=False),
    Column("entry_hash", LargeBinary, nullable=False),
)

audit_heads = Table(
    "audit_heads",
    metadata,
    org_id(),
    Column("sequence", BigInteger, nullable=False),
    Column("entry_hash", LargeBinary, nullable=False),
)

_MAKE_HEAD = """
INSERT INTO app.audit_heads (org_id, sequence, entry_hash) VALUES (%s, 0, %s)
ON CONFLICT (org_id) DO NOTHING
"""
_SELECT_HEAD = "SELECT sequence, entry_hash FROM app.audit_heads WHERE org_id = %s FOR UPDATE"
_INSERT_ENTRY = """
INSERT INTO app.audit_entries (org_id, sequence, recorded_at, actor, actor_role, action, target,
  details, previous_hash, entry_hash)
VALUES (%(org_id)s::uuid, %(sequence)s, %(now)s, %(actor)s, %(actor_role)s, %(action)s, %(target)s,
  %(details)s::jsonb, %(previous)s, %(hash)s)
"""
_MOVE_HEAD = "UPDATE app.audit_heads SET sequence = %s, entry_hash = %s WHERE org_id = %s"


class NotRecorded(Exception):
    """The audit log takes no entry, so what it would have recorded is not done either."""


async def append(
    connection: AsyncConnection[Any],
    org: UUID,
    *,
    actor: str,
    actor_role: str,
    action: str,
    target: str,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Record an act in the open transaction; it stands or falls with what it records.

    `connection` must be inside a transaction that carries the organisation's identity. Raises
    NotRecorded when the login may not, and TypeError for details that are no JSON of 64 bits.
    """
    plain = kept(dict(details or {}))
    try:
        sequence, previous = await _lock_head(connection, org)
        now = datetime.now(UTC)
        entry = {
            "org_id": str(org),
            "sequence": sequence + 1,
            "recorded_at": now.isoformat(timespec="microseconds"),
            "actor": actor,
            "actor_role": actor_role,
            "action": action,
            "target": target,
            "details": plain,
        }
        digest = entry_hash(previous, entry)
        parameters = {**entry, "details": plain.decode(), "now": now}
        hashes = {"previous": previous, "hash": digest}
        await connection.execute(_INSERT_ENTRY, {**parameters, **hashes})
        await connection.execute(_MOVE_HEAD, (sequence + 1, digest, org))
    except psycopg.errors.InsufficientPrivilege as error:  # elsewhere it hides what is not theirs
        raise NotRecorded from error


async def _lock_head(connection: AsyncConnection[Any], org: UUID) -> tuple[int, bytes]:
    """The end of the organisation's chain, held until the transaction ends."""
    row = await (await connection.execute(_SELECT_HEAD, (org,))).fetchone()
    if row is None:  # its first entry
        await connection.execute(_MAKE_HEAD, (org, START))
        row = await (await connection.execute(_SELECT_HEAD, (org,))).fetchone()
    assert row is not None
    return row[0], bytes(row[1])
