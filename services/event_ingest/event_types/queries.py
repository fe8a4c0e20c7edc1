"""The SQL of event types, and what ingestion reads of an organisation."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, collate, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.event_ingest.event_types.rules import FIRST_OWN_TYPE_ID, MAX_PAGE_BYTES, EventType
from services.event_ingest.events.rules import Intake
from shared.schema.events import event_log, event_types
from shared.schema.organisations import organisations

_T = event_types.c
_BY_NAME = collate(_T.name, "C")  # as Python sorts, whatever the language of the database


async def select_organisation(connection: AsyncConnection, org_id: UUID) -> RowMapping | None:
    """The settings that ingestion goes by."""
    query = select(organisations).where(organisations.c.org_id == org_id)
    return (await connection.execute(query)).mappings().one_or_none()


async def select_intake(connection: AsyncConnection, org_id: UUID, known: Intake) -> Intake:
    """How many events were received by now. Reads only what was logged since it was known."""
    log = event_log.c
    settled = log.position < func.app.log_horizon()
    events = func.sum(func.cardinality(log.event_ids))
    query = select(
        func.coalesce(events, 0),
        func.coalesce(events.filter(settled), 0),
        func.coalesce(func.max(log.position).filter(settled), known.position),
    ).where(log.org_id == org_id, log.position > known.position, log.logged_at >= known.since)
    new, newly_settled, position = (await connection.execute(query)).one()
    before = known.settled
    return Intake(known.since, before + int(new), before + int(newly_settled), position)


async def select_type_settings(connection: AsyncConnection, org_id: UUID) -> Sequence[RowMapping]:
    """All registered or changed types, with `has_schema` in place of description and schema."""
    columns = (
        _T.type_id, _T.name, _T.default_impact, _T.retention_days, _T.refuse_from, _T.version,
        (_T.properties_schema != "").label("has_schema"),
    )  # fmt: skip
    query = select(*columns).where(_T.org_id == org_id)
    return (await connection.execute(query)).mappings().all()


async def select_schemas(
    connection: AsyncConnection, org_id: UUID, type_ids: Collection[int]
) -> Mapping[int, str]:
    """The schemas of these types, by number."""
    query = select(_T.type_id, _T.properties_schema).where(
        _T.org_id == org_id, _T.type_id.in_(type_ids)
    )
    return {row.type_id: row.properties_schema for row in await connection.execute(query)}


async def select_event_types(
    connection: AsyncConnection, org_id: UUID, *, after: str, limit: int
) -> list[EventType]:
    """Registered or changed types by name, no more than it takes to fill a page with bytes."""
    size = func.octet_length(_T.description) + func.octet_length(_T.properties_schema)
    bytes_before = (func.sum(size).over(order_by=_BY_NAME) - size).label("bytes_before")
    following = (
        select(event_types, bytes_before)
        .where(_T.org_id == org_id, _BY_NAME.op(">")(after))
        .order_by(_BY_NAME)
        .limit(limit)
        .subquery()
    )
    query = select(following).where(following.c.bytes_before <= MAX_PAGE_BYTES)
    rows = (await connection.execute(query)).mappings()
    return sorted((_event_type(row) for row in rows), key=lambda one: one.name)


async def select_event_type(
    connection: AsyncConnection, org_id: UUID, name: str, *, lock: bool = False
) -> EventType | None:
    """One registered or changed type by name; `lock` holds it until the transaction ends."""
    query = select(event_types).where(_T.org_id == org_id, _T.name == name)
    result = await connection.execute(query.with_for_update() if lock else query)
    row = result.mappings().one_or_none()
    return _event_type(row) if row is not None else None


async def select_next_type_id(connection: AsyncConnection, org_id: UUID) -> int:
    """The number for the next own type; one registration at a time, until the transaction ends."""
    key = func.hashtextextended(f"event_types:{org_id}", 0)
    await connection.execute(select(func.pg_advisory_xact_lock(key)))
    query = select(func.max(_T.type_id)).where(_T.org_id == org_id)
    highest: int | None = (await connection.execute(query)).scalar_one()
    return max(highest or 0, FIRST_OWN_TYPE_ID - 1) + 1


async def insert_event_type(connection: AsyncConnection, org_id: UUID, one: EventType) -> bool:
    """Store a type that has no row yet; False when it, or one of its name, has by now."""
    query = (
        insert(event_types)
        .values(org_id=org_id, **_values(one))
        .on_conflict_do_nothing()
        .returning(_T.type_id)
    )
    return (await connection.execute(query)).one_or_none() is not None


async def update_event_type(connection: AsyncConnection, org_id: UUID, one: EventType) -> None:
    """Store a type whose row is locked."""
    query = (
        update(event_types)
        .where(_T.org_id == org_id, _T.type_id == one.type_id)
        .values(**_values(one))
    )
    await connection.execute(query)


def _event_type(row: RowMapping) -> EventType:
    return EventType(
        org_id=row["org_id"],
        type_id=row["type_id"],
        name=row["name"],
        description=row["description"],
        properties_schema=row["properties_schema"],
        default_impact=row["default_impact"],
        retention_days=row["retention_days"],
        deprecated=bool(row["deprecated"]),
        refuse_from=row["refuse_from"],
        version=row["version"],
    )


def _values(one: EventType) -> dict[str, Any]:
    values = {**asdict(one), "deprecated": int(one.deprecated)}
    del values["org_id"]  # the place of the row, not part of what is said of the type
    return values
