"""Reading and changing the registry. One function per RPC; each change is one transaction.

The functions that change it work in the transaction of `shared/idempotency.py`, which keeps their
answer beside what they did.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from services.event_ingest.event_types import queries, rules
from services.event_ingest.event_types.errors import (
    EventTypeExists,
    EventTypeNotFound,
    EventTypeStale,
    TooManyEventTypes,
)
from services.event_ingest.event_types.rules import (
    BUILT_IN,
    FIRST_OWN_TYPE_ID,
    MAX_OWN_TYPES,
    Change,
    Definition,
    Deprecation,
    EventType,
    EventTypeRule,
)
from services.event_ingest.event_types.rules.schemas import Schema, check_schema
from services.event_ingest.events.rules import Intake, Organisation
from shared.database import Database, Tenant, Transaction
from shared.identity.identity import Identity
from shared.schema import audit

_WRITER = "ingest"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


async def load_organisation(
    database: Database, org_id: UUID, now: datetime, known: Organisation | None = None
) -> Organisation | None:
    """What ingestion goes by, None when there is no such organisation.

    Of what is `known`, the types that did not change are taken over, compiled schemas and all.
    """
    async with database.tenant_transaction(Tenant(org_id, _WRITER)) as transaction:
        connection = transaction.connection
        row = await queries.select_organisation(connection, org_id)
        if row is None:
            return None
        types = await _rules_of_types(transaction, org_id, known.types if known else {})
        intake = None
        if row["events_per_day"] is not None:
            intake = Intake(_midnight(now, row["time_zone"]))
            if known and known.intake and known.intake.since == intake.since:
                intake = known.intake
            intake = await queries.select_intake(connection, org_id, intake)
    return Organisation(
        org_id=org_id,
        time_zone=row["time_zone"],
        currency=row["currency"],
        retention_days=row["retention_days"],
        keep_ip=row["keep_ip"],
        types=types,
        type_names={rule.type_id: name for name, rule in types.items()},
        events_per_day=row["events_per_day"],
        intake=intake,
    )


async def create_event_type(
    transaction: Transaction, caller: Identity, definition: Definition
) -> EventType:
    """Register a type. Raises SchemaInvalid, EventTypeExists, TooManyEventTypes."""
    check_schema(definition.properties_schema)
    connection, org_id = transaction.connection, caller.org_id
    if definition.name in BUILT_IN:
        raise EventTypeExists(resource="event_type")
    type_id = await queries.select_next_type_id(connection, org_id)
    if await queries.select_event_type(connection, org_id, definition.name) is not None:
        raise EventTypeExists(resource="event_type")
    if type_id >= FIRST_OWN_TYPE_ID + MAX_OWN_TYPES:
        raise TooManyEventTypes
    created = rules.register(org_id, definition, type_id)
    await queries.insert_event_type(connection, org_id, created)
    await _record(transaction, caller, "create", created)
    return created


async def get_event_type(database: Database, caller: Identity, name: str) -> EventType:
    """One type. Raises EventTypeNotFound."""
    async with database.tenant_transaction(caller.tenant) as transaction:
        return await _existing(transaction, caller, name, lock=False)


async def list_event_types(
    database: Database, caller: Identity, *, after: str, size: int
) -> tuple[list[EventType], bool]:
    """A page of types by name, and whether there are more."""
    async with database.tenant_transaction(caller.tenant) as transaction:
        own = await queries.select_event_types(
            transaction.connection, caller.org_id, after=after, limit=size + 1
        )
    return rules.page(caller.org_id, own, after, size)


async def update_event_type(
    transaction: Transaction, caller: Identity, wanted: Change
) -> EventType:
    """Replace what may change. Raises SchemaInvalid, EventTypeNotFound, EventTypeStale."""
    check_schema(wanted.definition.properties_schema)
    known = await _existing(transaction, caller, wanted.definition.name)
    changed = rules.change(known, wanted)
    await _store(transaction, caller, changed)
    await _record(transaction, caller, "update", changed)
    return changed


async def deprecate_event_type(
    transaction: Transaction, caller: Identity, wanted: Deprecation
) -> EventType:
    """Mark a type as on its way out. Raises EventTypeNotFound, BuiltInStays, EventTypeStale."""
    known = await _existing(transaction, caller, wanted.name)
    deprecated = rules.deprecate(known, wanted)
    await _store(transaction, caller, deprecated)
    await _record(transaction, caller, "deprecate", deprecated)
    return deprecated


async def _existing(
    transaction: Transaction, caller: Identity, name: str, *, lock: bool = True
) -> EventType:
    if not rules.is_name(name):
        raise EventTypeNotFound(resource="event_type")
    connection = transaction.connection
    stored = await queries.select_event_type(connection, caller.org_id, name, lock=lock)
    if stored is not None:
        return stored
    if name not in BUILT_IN:
        raise EventTypeNotFound(resource="event_type")
    return rules.built_in_type(caller.org_id, name)


async def _store(transaction: Transaction, caller: Identity, changed: EventType) -> None:
    connection, org_id = transaction.connection, caller.org_id
    if changed.version > 1:
        await queries.update_event_type(connection, org_id, changed)
    elif not await queries.insert_event_type(connection, org_id, changed):
        raise EventTypeStale  # somebody else was the first to change this built-in type


async def _record(transaction: Transaction, caller: Identity, act: str, one: EventType) -> None:
    schema = one.properties_schema
    await audit.append(
        transaction.raw,
        caller.org_id,
        actor=caller.actor,
        actor_role=caller.role.value,
        action=f"event_type.{act}",
        target=one.name,
        details={
            "version": one.version,
            "default_impact": one.default_impact,
            "retention_days": one.retention_days,
            "properties_schema_sha256": hashlib.sha256(schema.encode()).hexdigest()
            if schema
            else None,
            "refuse_from": one.refuse_from.isoformat() if one.refuse_from else None,
        },
    )


async def _rules_of_types(
    transaction: Transaction, org_id: UUID, known: Mapping[str, EventTypeRule]
) -> Mapping[str, EventTypeRule]:
    """All types by name: those that come with Footfall, and what the organisation says."""
    rows = await queries.select_type_settings(transaction.connection, org_id)
    types = dict(BUILT_IN)
    changed = []
    for row in rows:
        before = known.get(row["name"])
        if before is not None and before.version == row["version"]:
            types[row["name"]] = before
        else:
            changed.append(row)
    wanting = [row["type_id"] for row in changed if row["has_schema"]]
    texts = await queries.select_schemas(transaction.connection, org_id, wanting) if wanting else {}
    for row in changed:
        text, refuse_from = texts.get(row["type_id"]), row["refuse_from"]
        types[row["name"]] = EventTypeRule(
            type_id=row["type_id"],
            impact=row["default_impact"],
            retention_days=row["retention_days"],
            refuse_from_us=None if refuse_from is None else (refuse_from - _EPOCH) // _TICK,
            violations=Schema(text) if text else None,
            version=row["version"],
        )
    return types


def _midnight(now: datetime, zone: str) -> datetime:
    local = now.astimezone(ZoneInfo(zone))
    return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
