"""The SQL of visits: counted in sets where all clients count, read in rows where one is foretold.

As of a time, a visit that began later is not there, and one that ended later is running.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.journey.funnels.rules.asked import Asked
from services.journey.funnels.rules.funnel import ORDER, Ended, Span, Step
from services.journey.funnels.rules.prediction import MOST_VISITS, PastVisit
from services.journey.journeys.rules.vocabulary import Stage
from shared.database import RawConnection, Row

_MEMBERS_NOW = """
AND v.client_id IN (
  SELECT c.client_id FROM app.clients AS c
  WHERE c.org_id = %(org)s::uuid AND c.segment = %(segment)s::text
)
"""

_MEMBERS_THEN = """
AND v.client_id IN (
  SELECT latest.client_id FROM (
    SELECT DISTINCT ON (c.client_id) c.client_id, c.segment FROM app.client_versions AS c
    WHERE c.org_id = %(org)s::uuid AND c.valid_from <= %(as_of)s::timestamptz
    ORDER BY c.client_id, c.valid_from DESC
  ) AS latest
  WHERE latest.segment = %(segment)s::text
)
"""

# When the client first came to a stage that is later than that of the row, after it.
_CONVERTED = " ".join(
    f"WHEN {stage} THEN min(v.entered_at)"
    f" FILTER (WHERE v.stage BETWEEN {stage + 1} AND {ORDER[-1]}) OVER after"
    for stage in ORDER[:-1]
)


def _select_funnel(members: str) -> str:
    """Steps, marked as such, and ends of visits, of the clients that a condition names.

    What precedes the interval matters to nothing in it. Windows look from the last visit of a
    client backwards, so that each is passed once. A client's first visit to a stage has all the
    others behind it, so the smallest of what was found from each is what was found from the first.
    """
    statement = f"""
WITH seen AS MATERIALIZED (
  SELECT v.client_id, v.stage, v.entered_at,
    CASE WHEN v.left_at <= %(as_of)s::timestamptz THEN v.next_stage END AS next_stage,
    CASE WHEN v.left_at <= %(as_of)s::timestamptz THEN v.left_at END AS left_at,
    CASE v.stage {_CONVERTED} END AS converted_at,
    bool_or(v.stage = {Stage.CHURN_RISK}) OVER after AS lost,
    first_value(v.stage) OVER (
      PARTITION BY v.client_id ORDER BY v.entered_at DESC, v.event_id DESC
    ) AS stage_now
  FROM app.stage_visits AS v
  WHERE v.org_id = %(org)s::uuid AND v.entered_at >= %(start)s::timestamptz
    AND v.entered_at <= %(as_of)s::timestamptz {members}
  WINDOW after AS (
    PARTITION BY v.client_id ORDER BY v.entered_at DESC, v.event_id DESC
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  )
), came AS (
  SELECT client_id, stage, min(entered_at) AS entered_at, min(converted_at) AS converted_at,
    bool_or(lost) AS lost, bool_or(stage_now = stage) AS here
  FROM seen WHERE entered_at < %(end)s::timestamptz GROUP BY client_id, stage
)
SELECT true, stage, NULL::smallint, count(*), percentile_cont(0.5) WITHIN GROUP (
    ORDER BY extract(epoch FROM converted_at - entered_at)::float8
  ), count(converted_at), count(*) FILTER (WHERE here), count(*) FILTER (WHERE lost)
FROM came GROUP BY stage
UNION ALL
SELECT false, stage, next_stage, count(*), percentile_cont(0.5) WITHIN GROUP (
    ORDER BY extract(epoch FROM left_at - entered_at)::float8
  ), 0, 0, 0
FROM seen WHERE entered_at < %(end)s::timestamptz GROUP BY stage, next_stage
"""  # noqa: S608 - only names and numbers of our own go in
    return " ".join(statement.split())


_SELECT_FUNNEL = _select_funnel("")
_SELECT_FUNNEL_NOW = _select_funnel(_MEMBERS_NOW)
_SELECT_FUNNEL_THEN = _select_funnel(_MEMBERS_THEN)

_SELECT_WHEREABOUTS = """
SELECT c.created_at, v.stage, v.entered_at, v.event_id, (
    SELECT min(e.occurred_at) FROM app.journey_events AS e
    WHERE e.org_id = %(org)s::uuid AND e.client_id = %(client)s::text
  )
FROM app.clients AS c
LEFT JOIN LATERAL (
  SELECT s.stage, s.entered_at, s.event_id FROM app.stage_visits AS s
  WHERE s.org_id = %(org)s::uuid AND s.client_id = %(client)s::text
    AND s.entered_at <= %(as_of)s::timestamptz
  ORDER BY s.entered_at DESC, s.event_id DESC LIMIT 1
) AS v ON true
WHERE c.org_id = %(org)s::uuid AND c.client_id = %(client)s::text
"""

_SELECT_PAST_VISITS = f"""
SELECT (extract(epoch FROM least(left_at, %(as_of)s::timestamptz) - entered_at) * 1000000)::bigint,
  CASE WHEN left_at <= %(as_of)s::timestamptz THEN next_stage END
FROM app.stage_visits
WHERE org_id = %(org)s::uuid AND stage = %(stage)s::smallint
  AND entered_at <= %(as_of)s::timestamptz AND event_id IS DISTINCT FROM %(but)s::uuid
ORDER BY entered_at DESC, event_id LIMIT {MOST_VISITS}
"""  # noqa: S608 - only a number of our own goes in


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a client is, and by which visit; without one it is a lead since it was made."""

    created_at: datetime
    stage: Stage
    since: datetime
    visit_id: UUID | None
    first_event_at: datetime | None

    @property
    def known_since(self) -> datetime:
        """The earlier of its creation and its first event."""
        return min(self.created_at, self.first_event_at or self.created_at)


async def select_funnel(
    raw: RawConnection, org_id: UUID, when: Asked, within: Span, segment: str
) -> tuple[list[Step], list[Ended]]:
    """The steps to which anyone came, and how the visits to each ended."""
    by_members = _SELECT_FUNNEL_NOW if when.is_now else _SELECT_FUNNEL_THEN
    cursor = await raw.execute(
        (by_members if segment else _SELECT_FUNNEL).encode(),
        {
            "org": org_id,
            "as_of": when.as_of,
            "start": within.start,
            "end": within.end,
            "segment": segment,
        },
        binary=True,
    )
    rows = await cursor.fetchall()
    return [_step(row) for row in rows if row[0]], [_ended(row) for row in rows if not row[0]]


async def select_whereabouts(
    raw: RawConnection, org_id: UUID, client_id: str, as_of: datetime
) -> Whereabouts | None:
    """Where a client was then; None when there is no such client."""
    cursor = await raw.execute(
        _SELECT_WHEREABOUTS, {"org": org_id, "client": client_id, "as_of": as_of}, binary=True
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    created_at, stage, since, visit_id, first_event_at = row
    return Whereabouts(
        created_at,
        Stage.LEAD if stage is None else Stage(stage),
        created_at if since is None else since,
        visit_id,
        first_event_at,
    )


async def select_past_visits(
    raw: RawConnection, org_id: UUID, stage: Stage, as_of: datetime, but: UUID | None
) -> list[PastVisit]:
    """The latest visits to a stage by anyone, one visit left out."""
    cursor = await raw.execute(
        _SELECT_PAST_VISITS.encode(),
        {"org": org_id, "stage": stage, "as_of": as_of, "but": but},
        binary=True,
    )
    return [
        PastVisit(micros, None if after is None else Stage(after))
        for micros, after in await cursor.fetchall()
    ]


def _step(row: Row) -> Step:
    _, stage, _, entered, median, converted, here_now, lost = row
    return Step(Stage(stage), entered, converted, median, here_now, lost)


def _ended(row: Row) -> Ended:
    _, stage, next_stage, count, median, *_ = row
    return Ended(
        Stage(stage), None if next_stage is None else Stage(next_stage), count, median or 0.0
    )
