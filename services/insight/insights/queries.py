"""The SQL of insights: read and written in sets by runs, one by one by people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Select,
    Uuid,
    and_,
    case,
    cast,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.insight.detection.rules.vocabulary import InsightType, Subject, SubjectKind
from services.insight.insights.rules import stored
from services.insight.insights.rules.life import (
    STANDING,
    UNSEEN,
    Cause,
    Cursor,
    Insight,
    InsightFilter,
)
from shared.database import RawConnection
from shared.schema.insights import insight_changes, insight_runs, insights

_I, _R = insights.c, insight_runs.c
_STANDS = _I.state.in_(STANDING)
# As `life.follows` has it.
_FOLLOWS = or_(
    _I.insight_type == InsightType.FEATURE_ADOPTION.value,
    and_(_I.subject_kind == SubjectKind.USER.value, _I.feature != ""),
    _I.subject_kind == SubjectKind.CLIENT.value,
)

# One generation of an organisation at a time; the next waits for it, a while.
_LOCK = """
SELECT set_config('lock_timeout', '30s', true),
  pg_advisory_xact_lock(hashtextextended('insights:' || %s::uuid::text, 0))
"""

_TYPES = {
    "insight_id": "uuid",
    "insight_type": "smallint",
    "subject_kind": "smallint",
    "subject_id": "text",
    "feature": "text",
    "state": "smallint",
    "severity": "smallint",
    "weight": "double precision",
    "confidence": "double precision",
    "recommendation": "jsonb",
    "evidence": "jsonb",
    "window_start": "timestamptz",
    "window_end": "timestamptz",
    "first_seen_at": "timestamptz",
    "last_seen_at": "timestamptz",
    "cleared_at": "timestamptz",
    "state_changed_at": "timestamptz",
    "state_changed_by": "text",
    "note": "text",
    "closed_severity": "smallint",
    "reopened": "integer",
    "revision": "bigint",
    "settings_version": "integer",
}

_UPSERT = f"""
INSERT INTO app.insights AS i (org_id, run_id, {", ".join(_TYPES)})
SELECT %(org)s::uuid, %(run)s::uuid, n.*
FROM unnest({", ".join(f"%({name})s::{kind}[]" for name, kind in _TYPES.items())}) AS n
ON CONFLICT (org_id, insight_id) DO UPDATE SET run_id = coalesce(EXCLUDED.run_id, i.run_id),
  {", ".join(f"{name} = EXCLUDED.{name}" for name in _TYPES if name != "insight_id")}
"""  # noqa: S608 - only names of our own go in


async def lock_generation(raw: RawConnection, org_id: UUID) -> None:
    """Wait until no other generation of the organisation runs, until the transaction ends."""
    await raw.execute(_LOCK, (org_id,))


async def select_newest_run(connection: AsyncConnection, org_id: UUID) -> datetime | None:
    """`as_of` of the newest run that was kept."""
    query = select(func.max(_R.as_of)).where(_R.org_id == org_id)
    newest: datetime | None = (await connection.execute(query)).scalar_one()
    return newest


async def select_insights_by_id(
    connection: AsyncConnection, org_id: UUID, insight_ids: Sequence[UUID], *, lock: bool = False
) -> dict[UUID, Insight]:
    """The insights of these ids; `lock` holds them, by id, until the transaction ends.

    LATERAL with LIMIT: a planner that knows nothing yet of what this run has written would read all
    insights of the organisation each time.
    """
    keys = func.unnest(cast(sorted(insight_ids), ARRAY(Uuid))).table_valued("insight_id")
    keys = keys.render_derived()
    one = select(insights).where(_I.org_id == org_id, _I.insight_id == keys.c.insight_id).limit(1)
    by_key = (one.with_for_update() if lock else one).lateral("one")
    query = select(by_key).select_from(keys.join(by_key, true()))
    found = await _insights(connection, query)
    return {one.insight_id: one for one in found if one.insight_id is not None}


async def select_insight(
    connection: AsyncConnection, org_id: UUID, insight_id: UUID, *, lock: bool = False
) -> Insight | None:
    """One insight; `lock` holds it until the transaction ends."""
    return (await select_insights_by_id(connection, org_id, [insight_id], lock=lock)).get(
        insight_id
    )


async def select_missed(
    connection: AsyncConnection,
    org_id: UUID,
    subject: Subject,
    run: tuple[UUID, datetime],
    *,
    all_of_them: bool,
    after: UUID,
    limit: int,
) -> list[Insight]:
    """Insights of whom a run was that it did not see, and to which that makes a difference.

    Unless `all_of_them`, those that are counted by roll-ups that follow the log are left out.
    """
    run_id, as_of = run
    lapses = and_(_STANDS, _I.last_seen_at <= as_of - UNSEEN)
    query = (
        select(insights)
        .where(
            _I.org_id == org_id,
            _I.insight_id > after,
            _I.run_id.is_distinct_from(run_id),
            or_(_I.cleared_at.is_(None), lapses),
            *([] if all_of_them else [not_(_FOLLOWS)]),
            *_of(subject),
        )
        .order_by(_I.insight_id)
        .limit(limit)
        .with_for_update()
    )
    return await _insights(connection, query)


async def upsert_insights(
    raw: RawConnection, org_id: UUID, kept: Sequence[Insight], run_id: UUID | None
) -> None:
    """Insights as they are now; `run_id` is the run that saw them."""
    rows = [_row(one) for one in sorted(kept, key=lambda one: str(one.insight_id))]
    columns = {name: [row[name] for row in rows] for name in _TYPES}
    await raw.execute(_UPSERT.encode(), {"org": org_id, "run": run_id, **columns})


async def update_state(connection: AsyncConnection, org_id: UUID, one: Insight) -> None:
    """An insight after a decision; its row is locked."""
    names = ("state", "state_changed_at", "state_changed_by", "note", "closed_severity", "revision")
    row = _row(one)
    query = (
        update(insights)
        .where(_I.org_id == org_id, _I.insight_id == one.insight_id)
        .values(**{name: row[name] for name in names})
    )
    await connection.execute(query)


async def insert_change(
    connection: AsyncConnection, org_id: UUID, insight_ids: Sequence[UUID]
) -> None:
    """Tell those who watch which insights changed; once in a transaction."""
    await connection.execute(
        insert(insight_changes).values(org_id=org_id, insight_ids=list(insight_ids))
    )


async def insert_run(
    connection: AsyncConnection, org_id: UUID, subject: Subject, cause: Cause, **values: Any
) -> None:
    """A run that was kept; the values are those of its other columns."""
    await connection.execute(
        insert(insight_runs).values(
            org_id=org_id,
            subject_kind=subject.kind.value,
            subject_id=subject.id,
            cause=cause.value,
            **values,
        )
    )


async def select_worst(
    connection: AsyncConnection, org_id: UUID, subject: Subject, limit: int
) -> list[Insight]:
    """What stands of a subject, the organisation's first, then the worst first."""
    of_others = case((_I.subject_kind == SubjectKind.ORGANISATION.value, 0), else_=1)
    query = (
        select(insights)
        .where(_I.org_id == org_id, _STANDS, *_of(subject))
        .order_by(
            of_others,
            _I.weight.desc(),
            _I.insight_type,
            _I.subject_kind,
            _I.subject_id,
            _I.feature,
        )
        .limit(limit)
    )
    return await _insights(connection, query)


async def select_totals(
    connection: AsyncConnection, org_id: UUID, subject: Subject
) -> dict[InsightType, int]:
    """How many stand of each type."""
    query = (
        select(_I.insight_type, func.count())
        .where(_I.org_id == org_id, _STANDS, *_of(subject))
        .group_by(_I.insight_type)
        .order_by(_I.insight_type)
    )
    return {InsightType(row[0]): row[1] for row in await connection.execute(query)}


async def select_insights(
    connection: AsyncConnection,
    org_id: UUID,
    *,
    where: InsightFilter,
    after: Cursor | None,
    limit: int,
) -> list[Insight]:
    """Insights that match, the last seen first, then by id, after a place."""
    query = select(insights).where(_I.org_id == org_id, *_matching(where))
    query = query.where(_I.state.in_(where.states))
    if after is not None:
        seen = literal(after.last_seen_at, DateTime(timezone=True))
        further = and_(_I.last_seen_at == seen, _I.insight_id > after.insight_id)
        query = query.where(_I.last_seen_at <= seen, or_(_I.last_seen_at < seen, further))
    query = query.order_by(_I.last_seen_at.desc(), _I.insight_id).limit(limit)
    return await _insights(connection, query)


async def select_matching(
    connection: AsyncConnection,
    org_id: UUID,
    insight_ids: Sequence[UUID],
    *,
    where: InsightFilter,
) -> dict[UUID, Insight]:
    """Those of these ids that match, in whatever state."""
    query = select(insights).where(
        _I.org_id == org_id, _I.insight_id.in_(insight_ids), *_matching(where)
    )
    found = await _insights(connection, query)
    return {one.insight_id: one for one in found if one.insight_id is not None}


def _matching(where: InsightFilter) -> list[ColumnElement[bool]]:
    """All of a filter but the states."""
    conditions: list[ColumnElement[bool]] = []
    if where.types:
        conditions.append(_I.insight_type.in_(where.types))
    if where.user_id:
        conditions += _of(Subject(SubjectKind.USER, where.user_id))
    if where.client_id:
        conditions += _of(Subject(SubjectKind.CLIENT, where.client_id))
    return conditions


def _of(subject: Subject) -> list[ColumnElement[bool]]:
    if subject.kind is SubjectKind.ORGANISATION:
        return []
    return [_I.subject_kind == subject.kind.value, _I.subject_id == subject.id]


async def _insights(connection: AsyncConnection, query: Select[Any]) -> list[Insight]:
    return [stored.restored(row) for row in (await connection.execute(query)).mappings()]


def _row(one: Insight) -> dict[str, Any]:
    finding = one.finding
    return {
        "insight_id": one.insight_id,
        "insight_type": finding.insight_type.value,
        "subject_kind": finding.subject.kind.value,
        "subject_id": finding.subject.id,
        "feature": finding.subject.feature,
        "state": one.state.value,
        "severity": finding.severity.value,
        "weight": finding.weight,
        "confidence": finding.confidence,
        "recommendation": orjson.dumps(stored.recommendation(finding)).decode(),
        "evidence": orjson.dumps(stored.evidence(finding)).decode(),
        "window_start": finding.window.start,
        "window_end": finding.window.end,
        "first_seen_at": one.first_seen_at,
        "last_seen_at": one.last_seen_at,
        "cleared_at": one.cleared_at,
        "state_changed_at": one.state_changed_at,
        "state_changed_by": one.state_changed_by,
        "note": one.note,
        "closed_severity": one.closed_severity,
        "reopened": one.reopened,
        "revision": one.revision,
        "settings_version": one.settings_version,
    }
