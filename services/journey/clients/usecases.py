"""Clients made, replaced, read and deleted, each in one transaction."""

from __future__ import annotations

from datetime import UTC, datetime

from services.journey.catalogue.usecases import read_settings
from services.journey.clients import queries
from services.journey.clients.rules import Client, Page, Wanted, Where
from services.journey.journeys import usecases as journeys
from services.journey.journeys.errors import ClientNotFound
from services.journey.journeys.rules.journey import Standpoint
from services.journey.journeys.rules.moments import to_micros
from shared.database import Database, Transaction
from shared.identity.identity import Identity
from shared.schema import audit


async def upsert_client(
    transaction: Transaction, caller: Identity, wanted: Wanted
) -> tuple[Client, bool]:
    """The client as it is kept, and whether it was made. Raises ClientStale."""
    org_id, now = caller.org_id, datetime.now(UTC)
    if await journeys.start(transaction.raw, org_id, wanted.client_id, to_micros(now)):
        made = wanted.made(now)
        await queries.insert_client(transaction.raw, org_id, made)
        await queries.insert_version(transaction.raw, org_id, made)
        await _restate(transaction, caller, made)
        return made, True
    known = await queries.select_client(transaction.connection, org_id, wanted.client_id)
    assert known is not None, "a client has a state as long as it is there"
    known.check_etag(org_id, wanted.etag)
    if wanted.profile == known.profile:
        return known, False
    return await _replace(transaction, caller, known, known.replaced(wanted.profile, now)), False


async def get_client(
    database: Database, caller: Identity, client_id: str
) -> tuple[Client, Standpoint]:
    """The client, and where it stands now. Raises ClientNotFound."""
    now = to_micros(datetime.now(UTC))
    async with database.tenant_transaction(caller.tenant) as transaction:
        client = await queries.select_client(transaction.connection, caller.org_id, client_id)
        if client is None:
            raise ClientNotFound(resource="client")
        standpoint = await journeys.read_standpoint(transaction.raw, caller.org_id, client_id, now)
    return client, standpoint


async def list_clients(
    database: Database, caller: Identity, where: Where, *, after: str, size: int
) -> Page:
    """A page of clients by client_id."""
    async with database.tenant_transaction(caller.tenant) as transaction:
        found = await queries.select_clients(
            transaction.connection, caller.org_id, where, after=after, limit=size + 1
        )
    return Page(found[:size], len(found) > size)


async def delete_client(
    transaction: Transaction, caller: Identity, client_id: str, etag: str
) -> int:
    """Delete all there is of a client; how many events. Raises ClientNotFound, ClientStale."""
    raw, org_id = transaction.raw, caller.org_id
    if not await journeys.hold(raw, org_id, client_id):
        raise ClientNotFound(resource="client")
    known = await queries.select_client(transaction.connection, org_id, client_id)
    assert known is not None, "a client has a state as long as it is there"
    known.check_etag(org_id, etag)
    deleted = await journeys.forget(raw, org_id, client_id)
    await queries.delete_client(raw, org_id, client_id)
    await audit.append(
        raw,
        org_id,
        actor=caller.actor,
        actor_role=caller.role.value,
        action="client.delete",
        target=client_id,
        details={"deleted_events": deleted},
    )
    return deleted


async def _replace(
    transaction: Transaction, caller: Identity, known: Client, client: Client
) -> Client:
    await queries.update_client(transaction.raw, caller.org_id, client)
    if client.profile.versioned != known.profile.versioned:
        await queries.insert_version(transaction.raw, caller.org_id, client)
    if client.profile.ai_score != known.profile.ai_score:
        await _restate(transaction, caller, client)
    return client


async def _restate(transaction: Transaction, caller: Identity, client: Client) -> None:
    raw, now = transaction.raw, to_micros(client.updated_at)
    settings = await read_settings(raw, caller.org_id)
    await journeys.restate(raw, caller.org_id, [client.client_id], now, settings)
