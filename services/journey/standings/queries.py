"""The SQL of lists by state.

A list is read from the ends of a few stretches of an index, so a page costs the same however many
clients there are and however far one has paged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Double,
    RowMapping,
    Select,
    Subquery,
    Text,
    cast,
    func,
    literal,
    literal_column,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.journey.journeys.rules.stored import from_findings
from services.journey.journeys.rules.vocabulary import RiskLevel, Stage
from services.journey.standings.rules import Listed, Stretch
from shared.schema.journey import client_states, clients

_S, _C = client_states.c, clients.c
_SHOWN = (
    _S.client_id,
    _S.stage,
    _S.stage_since,
    _S.score,
    _S.risk_level,
    _S.findings,
    _S.last_event_at,
    _S.as_of,
)
_HAS_RISK = _S.risk_level > literal_column("1")
"""As the index says it."""


async def select_listed(
    connection: AsyncConnection,
    org_id: UUID,
    stretches: Iterable[Stretch],
    *,
    owner: str,
    limit: int,
) -> list[Listed]:
    """The first clients of these stretches together: by level, score and client_id."""
    parts = [_part(org_id, stretch, owner, limit) for stretch in stretches]
    found = union_all(*(select(part) for part in parts)).subquery()
    query = (
        select(found)
        .order_by(found.c.risk_level.desc(), found.c.score, found.c.client_id)
        .limit(limit)
    )
    return await _listed(connection, query)


async def select_listed_by_id(
    connection: AsyncConnection,
    org_id: UUID,
    client_ids: Sequence[str],
    *,
    min_level: RiskLevel = RiskLevel.LOW,
    stages: Sequence[Stage] = (),
) -> dict[str, Listed]:
    """Those of these clients that are at this level or above it, in one of the stages if any."""
    keys = func.unnest(cast(list(client_ids), ARRAY(Text))).table_valued("client_id")
    keys = keys.render_derived()
    state = select(*_SHOWN).where(
        _S.org_id == org_id, _S.client_id == keys.c.client_id, _S.risk_level >= min_level.value
    )
    if stages:
        state = state.where(_S.stage.in_([stage.value for stage in stages]))
    one = state.limit(1).lateral("one")
    named = _named(org_id, one)
    query = select(one, named.c.name).select_from(keys.join(one, true()).join(named, true()))
    return {listed.client_id: listed for listed in await _listed(connection, query)}


def _part(org_id: UUID, stretch: Stretch, owner: str, limit: int) -> Subquery:
    """The first clients of a stretch, with their names."""
    state = select(*_SHOWN).where(_S.org_id == org_id, _S.risk_level == stretch.level.value)
    if stretch.stage is None:
        state = state.where(_HAS_RISK)
    else:
        state = state.where(_S.stage == stretch.stage.value)
    if stretch.after is not None:
        place = literal(stretch.after.score, Double), literal(stretch.after.client_id, Text)
        state = state.where(tuple_(_S.score, _S.client_id) > tuple_(*place))
    state = state.order_by(_S.score, _S.client_id).limit(limit)
    if owner:  # who has few clients is found by them, who has many by the order of the list
        theirs = (_C.org_id == org_id, _C.client_id == _S.client_id, _C.owner == owner)
        return state.add_columns(_C.name).where(*theirs).subquery()
    states = state.subquery()
    named = _named(org_id, states)
    return select(states, named.c.name).select_from(states.join(named, true())).subquery()


def _named(org_id: UUID, states: Any) -> Any:
    """The client of a state.

    LATERAL with LIMIT: no planner makes a join of it that reads all clients.
    """
    client = select(_C.name).where(_C.org_id == org_id, _C.client_id == states.c.client_id)
    return client.limit(1).lateral()


async def _listed(connection: AsyncConnection, query: Select[Any]) -> list[Listed]:
    return [_restored(row) for row in (await connection.execute(query)).mappings()]


def _restored(row: RowMapping) -> Listed:
    return Listed(
        client_id=row["client_id"],
        name=row["name"],
        stage=Stage(row["stage"]),
        stage_since=row["stage_since"],
        score=row["score"],
        level=RiskLevel(row["risk_level"]),
        findings=from_findings(row["findings"]),
        last_event_at=row["last_event_at"],
        as_of=row["as_of"],
    )
