"""The SQL of clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.journey.clients.rules import Client, Profile, Where
from shared.database import RawConnection
from shared.schema.journey import client_states, clients

_C, _S = clients.c, client_states.c
_COLUMNS = (
    _C.client_id, _C.revision, _C.created_at, _C.updated_at, *(_C[one] for one in Profile._fields)
)  # fmt: skip

_INSERT = """
INSERT INTO app.clients (org_id, client_id, name, email, ai_score, status, owner, tags, time_zone,
  do_not_contact, segment, revision, created_at, updated_at, adopted)
VALUES (%s::uuid, %s, %s, %s, %s, %s, %s, %s::text[], %s, %s, %s, %s, %s, %s, false)
"""

_UPDATE = """
UPDATE app.clients SET name = %s, email = %s, ai_score = %s::float8, status = %s, owner = %s,
  tags = %s::text[], time_zone = %s, do_not_contact = %s, segment = %s, revision = %s,
  updated_at = %s
WHERE org_id = %s AND client_id = %s
"""

_INSERT_VERSION = """
INSERT INTO app.client_versions (org_id, client_id, valid_from, ai_score, time_zone,
  do_not_contact, segment)
VALUES (%s::uuid, %s, %s, %s, %s, %s, %s)
"""

_UPDATE_ADOPTED = """
UPDATE app.clients AS c SET adopted = true
FROM unnest(%s::text[], %s::timestamptz[]) AS n (client_id, created_at)
WHERE c.org_id = %s AND c.client_id = n.client_id AND c.created_at = n.created_at
"""

_DELETE = (
    "DELETE FROM app.client_versions WHERE org_id = %s AND client_id = %s",
    "DELETE FROM app.client_signals WHERE org_id = %s AND client_id = %s",
    "DELETE FROM app.signal_turns WHERE org_id = %s AND client_id = %s",
    "DELETE FROM app.action_outcomes WHERE org_id = %s AND client_id = %s",
    "DELETE FROM app.clients WHERE org_id = %s AND client_id = %s",
)


async def select_client(connection: AsyncConnection, org_id: UUID, client_id: str) -> Client | None:
    """The client of that id."""
    query = select(*_COLUMNS).where(_C.org_id == org_id, _C.client_id == client_id)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _client(row)


async def select_clients(
    connection: AsyncConnection, org_id: UUID, where: Where, *, after: str, limit: int
) -> Sequence[Client]:
    """Clients by client_id, from the one after a place on."""
    query = select(*_COLUMNS).where(_C.org_id == org_id, _C.client_id > after)
    if where.stages:
        states = (_S.org_id == org_id) & (_S.client_id == _C.client_id)
        query = query.join(client_states, states).where(
            _S.stage.in_([stage.value for stage in where.stages])
        )
    if where.owner:
        query = query.where(_C.owner == where.owner)
    if where.tag:
        query = query.where(literal(where.tag) == _C.tags.any_())
    query = query.order_by(_C.client_id).limit(limit)
    return [_client(row) for row in await connection.execute(query)]


async def insert_client(raw: RawConnection, org_id: UUID, client: Client) -> None:
    """A new client; what was ingested of it before is still to be looked for."""
    times = (client.revision, client.created_at, client.updated_at)
    await raw.execute(_INSERT, (org_id, client.client_id, *client.profile, *times))


async def update_client(raw: RawConnection, org_id: UUID, client: Client) -> None:
    """The client as it is now."""
    place = (org_id, client.client_id)
    await raw.execute(_UPDATE, (*client.profile, client.revision, client.updated_at, *place))


async def update_adopted(raw: RawConnection, org_id: UUID, clients: Mapping[str, datetime]) -> None:
    """What was ingested of these clients before they were known is in their journeys.

    They come with when they were made known: one that was deleted and made again is another.
    """
    await raw.execute(_UPDATE_ADOPTED, (list(clients), list(clients.values()), org_id))


async def insert_version(raw: RawConnection, org_id: UUID, client: Client) -> None:
    """What counts of the client in answers about the past, from now on."""
    valid_from = client.updated_at
    values = (org_id, client.client_id, valid_from, *client.profile.versioned)
    await raw.execute(_INSERT_VERSION, values)


async def delete_client(raw: RawConnection, org_id: UUID, client_id: str) -> None:
    """The client, its history, signals and outcomes of actions: all but its journey."""
    for statement in _DELETE:
        await raw.execute(statement, (org_id, client_id))


def _client(row: Row[Any]) -> Client:
    client_id, revision, created_at, updated_at, *profile = tuple(row)
    return Client(client_id, Profile(*profile), revision, created_at, updated_at)
