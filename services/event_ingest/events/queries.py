"""The SQL of events. Raw where it was measured to matter: the write, and reads by key.

One statement stores a batch: events, counters per hour, days of users and the commit log move
together or not at all, so an answer is current when the acknowledgement is out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BindParameter,
    DateTime,
    RowMapping,
    Select,
    Text,
    Uuid,
    case,
    cast,
    func,
    literal,
    select,
    true,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.event_ingest.event_types.rules import Impact, TypeId
from services.event_ingest.events.rules import (
    MAX_LISTED_BYTES,
    Cursor,
    EventFilter,
    NewEvent,
    Units,
)
from shared import arrays
from shared.arrays import EPOCH_MICROS, Packed
from shared.database import Database, Statement, Tenant
from shared.schema.events import COMPETENCY_AREAS, event_hourly, events

_TOOLS = (TypeId.TOOL_USAGE, TypeId.FEATURE_USED)
_RESOURCES = (TypeId.RESOURCE_GENERATION, TypeId.REPORT_GENERATED)


def _of(*types: TypeId) -> str:
    return f"count(*) FILTER (WHERE type_id IN ({', '.join(str(t.value) for t in types)}))"


def _squeezed(query: LiteralString) -> LiteralString:
    """The same statement on one line; none of our literals holds two spaces."""
    return " ".join(query.split())


def _credit(area: str) -> str:
    """What events give to a competency: as much as their impact, and the points of milestones."""
    return f"coalesce(sum(credit) FILTER (WHERE area = '{area}'), 0)"


# Counting what `ins` holds of events, now and when they are counted anew. Sorted keys keep
# concurrent writers from deadlocking on counters. An hour begins where the organisation's local
# hour begins, so that its days are whole hours in every zone, also those of half hours.
COUNTED = """occurred_at, occurred_at AT TIME ZONE %(zone)s::text AS local, type_id, impact, points,
    cost_nanos, user_id, feature, data ->> 'competency_area' AS area,
    impact + coalesce(points, 0) AS credit"""
HOURLY = """
hourly AS (
  INSERT INTO app.event_hourly AS h (org_id, hour, type_id, feature, events, cost_nanos)
  SELECT %(org)s::uuid, occurred_at - (local - date_trunc('hour', local)), type_id,
    coalesce(feature, ''), count(*), coalesce(sum(cost_nanos), 0)::bigint
  FROM ins GROUP BY 2, 3, 4 ORDER BY 2, 3, 4
  ON CONFLICT (org_id, hour, type_id, feature) DO UPDATE
    SET events = h.events + EXCLUDED.events, cost_nanos = h.cost_nanos + EXCLUDED.cost_nanos
  RETURNING 1
)
"""
DAILY = f"""
daily AS (
  INSERT INTO app.user_day AS d (org_id, day, user_id, events, high_impact, medium_impact,
    tool_uses, exports, resources, milestones, abandonments, voice_generations, reports,
    competency_points, {", ".join(COMPETENCY_AREAS)}, cost_nanos, first_at, last_at)
  SELECT %(org)s::uuid, local::date, user_id, count(*),
    count(*) FILTER (WHERE impact = {Impact.HIGH.value}),
    count(*) FILTER (WHERE impact = {Impact.MEDIUM.value}),
    {_of(*_TOOLS)}, {_of(TypeId.EXPORT_ACTION)}, {_of(*_RESOURCES)},
    {_of(TypeId.COMPETENCY_MILESTONE)}, {_of(TypeId.FEATURE_ABANDONED)},
    {_of(TypeId.VOICE_GENERATION)}, {_of(TypeId.REPORT_GENERATED)}, coalesce(sum(points), 0),
    {", ".join(map(_credit, COMPETENCY_AREAS))}, coalesce(sum(cost_nanos), 0)::bigint,
    min(occurred_at), max(occurred_at)
  FROM ins WHERE user_id IS NOT NULL GROUP BY 2, 3 ORDER BY 2, 3
  ON CONFLICT (org_id, day, user_id) DO UPDATE SET
    events = d.events + EXCLUDED.events,
    high_impact = d.high_impact + EXCLUDED.high_impact,
    medium_impact = d.medium_impact + EXCLUDED.medium_impact,
    tool_uses = d.tool_uses + EXCLUDED.tool_uses,
    exports = d.exports + EXCLUDED.exports,
    resources = d.resources + EXCLUDED.resources,
    milestones = d.milestones + EXCLUDED.milestones,
    abandonments = d.abandonments + EXCLUDED.abandonments,
    voice_generations = d.voice_generations + EXCLUDED.voice_generations,
    reports = d.reports + EXCLUDED.reports,
    competency_points = d.competency_points + EXCLUDED.competency_points,
    {", ".join(f"{area} = d.{area} + EXCLUDED.{area}" for area in COMPETENCY_AREAS)},
    cost_nanos = d.cost_nanos + EXCLUDED.cost_nanos,
    first_at = least(d.first_at, EXCLUDED.first_at),
    last_at = greatest(d.last_at, EXCLUDED.last_at)
  RETURNING 1
)
"""  # noqa: S608 - only numbers of our own go in

# `place`, `uuid` and so on are arrays of equal length, or empty where no event has a value. Nothing
# is stored, nor said to be, by a writer whose memory of the units is old, or while they change.
# psycopg parses anew, at each call, what is longer than 4,096 characters: hence the squeezing.
INSERT_EVENTS = _squeezed(f"""
WITH held AS MATERIALIZED (
  SELECT app.hold_settings(%(org)s::uuid, %(zone)s::text, %(money)s::text) AS still
), ins AS (
  INSERT INTO app.events (org_id, event_id, id_time, occurred_at, received_at, content_hash,
    type_id, impact, retention_days, points, cost_nanos, amount_micros, currency, user_id,
    session_id, client_id, feature, data)
  SELECT %(org)s::uuid, i.* FROM unnest(%(event_id)b::uuid[], %(place)b::timestamptz[],
    %(occurred)b::timestamptz[], %(received)b::timestamptz[], %(hash)b::bigint[],
    %(type)b::integer[], %(impact)b::smallint[], %(retention)b::integer[], %(points)b::integer[],
    %(cost)b::bigint[], %(amount)b::bigint[], %(currency)b::text[], %(user)b::text[],
    %(session)b::text[], %(client)b::text[], %(feature)b::text[], %(data)b::jsonb[]) AS i
  WHERE (SELECT still FROM held)
  ON CONFLICT (org_id, id_time, event_id) DO NOTHING
  RETURNING event_id, {COUNTED}
), {HOURLY}, {DAILY}, logged AS (
  INSERT INTO app.event_log (org_id, event_ids, type_ids)
  SELECT %(org)s::uuid, array_agg(event_id), array_agg(DISTINCT type_id) FROM ins
  HAVING count(*) > 0
  RETURNING 1
)
SELECT count(*)::integer,
  CASE WHEN count(*) < %(rows)s THEN string_agg(uuid_send(event_id), ''::bytea) END
FROM ins
""")  # noqa: S608 - only numbers of our own go in

_SELECT_HASHES = """
SELECT e.event_id, e.content_hash
FROM unnest(%b::timestamptz[], %b::uuid[]) AS k (id_time, event_id)
JOIN app.events e ON e.org_id = %s AND e.id_time = k.id_time AND e.event_id = k.event_id
"""


def insert_events(tenant: Tenant, units: Units, events: Sequence[NewEvent]) -> Statement:
    """The statement that stores the events of one organisation, each id at most once among them.

    Its row holds how many were new, and the ids of the new, 16 bytes each, where some were not. It
    stores none while the organisation counts in other units than these, or changes them.
    """
    columns = list(zip(*events, strict=True))
    return Statement(tenant, INSERT_EVENTS, _parameters(tenant.org_id, units, columns, len(events)))


def _parameters(
    org_id: UUID, units: Units, columns: Sequence[Sequence[Any]], rows: int
) -> dict[str, object]:
    packed = [pack(column) for pack, column in zip(_PACKERS, columns, strict=True)]
    of_all = {"org": org_id, "zone": units.time_zone, "money": units.currency, "rows": rows}
    return {**of_all, **dict(zip(_NAMES, packed, strict=True))}


def _instants(column: Sequence[int]) -> arrays.Instants:
    return arrays.Instants([moment - EPOCH_MICROS for moment in column])


# In the order of NewEvent.
_NAMES = (
    "event_id", "place", "occurred", "received", "hash", "type", "impact", "retention", "points",
    "cost", "amount", "currency", "user", "session", "client", "feature", "data",
)  # fmt: skip
_PACKERS: tuple[Callable[[Sequence[Any]], Packed], ...] = (
    arrays.Uuids, _instants, _instants, _instants, arrays.Bigints, arrays.Integers,
    arrays.Smallints, arrays.NullableIntegers, arrays.NullableIntegers, arrays.NullableBigints,
    arrays.NullableBigints, arrays.Texts, arrays.Texts, arrays.Texts, arrays.Texts, arrays.Texts,
    arrays.Jsonbs,
)  # fmt: skip


async def select_hashes(
    database: Database, tenant: Tenant, events: Sequence[NewEvent]
) -> dict[bytes, int]:
    """The content hashes under which these ids are stored."""
    keys = (
        _instants([event.place_us for event in events]),
        arrays.Uuids([event.event_id for event in events]),
    )
    async with database.raw_transaction(tenant) as raw:
        cursor = await raw.execute(_SELECT_HASHES, (*keys, tenant.org_id), binary=True)
        return {row[0].bytes: row[1] async for row in cursor}


async def select_events(
    connection: AsyncConnection,
    org_id: UUID,
    *,
    where: EventFilter,
    before: Cursor | None,
    limit: int,
) -> Sequence[RowMapping]:
    """Events by `occurred_at` and id, the latest first, after the place of `before`.

    Where all before come to MAX_LISTED_BYTES (`bytes_before`) an event comes without its data.
    """
    query = select_matching(org_id, where)
    if before is not None:
        query = query.where(tuple_(_E.occurred_at, _E.event_id) < tuple_(*_literals(before)))
    query = query.order_by(_E.occurred_at.desc(), _E.event_id.desc()).limit(limit)
    return await _select_weighed(connection, query)


async def select_hours_of_types(
    connection: AsyncConnection, org_id: UUID, *, where: EventFilter, until: datetime, limit: int
) -> Sequence[datetime]:
    """The latest hours, up to and with that of `until`, that hold `limit` events of the types.

    A rare type is found by its counters, not by reading all events between its own.
    """
    h = event_hourly.c
    hours = (
        select(h.hour, func.sum(h.events).label("events"))
        .where(h.org_id == org_id, h.type_id.in_(where.type_ids or ()), h.hour <= until)
        .group_by(h.hour)
        .order_by(h.hour.desc())
        .limit(limit)
    )
    if where.since is not None:
        hours = hours.where(h.hour > where.since - _HOUR)
    counted = hours.subquery()
    so_far = func.sum(counted.c.events).over(order_by=counted.c.hour.desc())
    placed = select(counted.c.hour, (so_far - counted.c.events).label("before")).subquery()
    enough = select(placed.c.hour).where(placed.c.before < limit).order_by(placed.c.hour.desc())
    return (await connection.execute(enough)).scalars().all()


async def select_events_in_hours(
    connection: AsyncConnection,
    org_id: UUID,
    hours: Sequence[datetime],
    *,
    where: EventFilter,
    before: Cursor | None,
    limit: int,
) -> Sequence[RowMapping]:
    """The same as `select_events`, looking into these hours only."""
    hour = (
        func.unnest(cast(hours, ARRAY(DateTime(timezone=True))))
        .table_valued("hour")
        .render_derived()
    )
    inside = select_matching(org_id, where).where(
        _E.occurred_at >= hour.c.hour, _E.occurred_at < hour.c.hour + _HOUR
    )
    if before is not None:
        inside = inside.where(tuple_(_E.occurred_at, _E.event_id) < tuple_(*_literals(before)))
    found = inside.lateral("found")
    query = (
        select(found)
        .select_from(hour.join(found, true()))
        .order_by(found.c.occurred_at.desc(), found.c.event_id.desc())
        .limit(limit)
    )
    return await _select_weighed(connection, query)


async def _select_weighed(connection: AsyncConnection, latest: Select[Any]) -> Sequence[RowMapping]:
    first = latest.subquery().c
    size = func.coalesce(func.octet_length(cast(first.data, Text)), 0)
    so_far = func.sum(size).over(order_by=(first.occurred_at.desc(), first.event_id.desc()))
    placed = select(*first, (so_far - size).label("bytes_before")).subquery().c
    data = case((placed.bytes_before < MAX_LISTED_BYTES, placed.data)).label("data")
    columns = [data if column.name == "data" else column for column in placed]
    query = select(*columns).order_by(placed.occurred_at.desc(), placed.event_id.desc())
    rows: Sequence[RowMapping] = (await connection.execute(query)).mappings().all()
    return rows


_E = events.c
_HOUR = timedelta(hours=1)
_SHOWN = (
    _E.event_id, _E.occurred_at, _E.received_at, _E.type_id, _E.impact, _E.retention_days,
    _E.cost_nanos, _E.amount_micros, _E.currency, _E.user_id, _E.session_id, _E.client_id,
    _E.feature, _E.data,
)  # fmt: skip


def select_matching(org_id: UUID, where: EventFilter) -> Select[Any]:
    """Events that a filter lets pass, with the columns that are shown."""
    query = select(*_SHOWN).where(_E.org_id == org_id)
    if where.user_id:
        query = query.where(_E.user_id == where.user_id)
    if where.type_ids is not None:
        query = query.where(_E.type_id.in_(where.type_ids))
    if where.since is not None:
        query = query.where(_E.occurred_at >= where.since)
    if where.until is not None:
        query = query.where(_E.occurred_at < where.until)
    return query


def _literals(cursor: Cursor) -> tuple[BindParameter[datetime], BindParameter[UUID]]:
    return literal(cursor[0], DateTime(timezone=True)), literal(cursor[1], Uuid)
