"""The SQL of visits: counted in sets where all clients count, read in rows where one is foretold.

As of a time, a visit that began later is not there, and one that ended later is running.
"""

from __future__ import annotations

from uuid import UUID

from services.journey.funnels.rules.funnel import ORDER, Ended, FunnelQuestion, Span, Step
from services.journey.funnels.rules.prediction import MOST_VISITS, PastVisit
from services.journey.journeys.rules.moments import from_micros
from services.journey.journeys.rules.vocabulary import Micros, Stage
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

_SELECT_PAST_VISITS = f"""
SELECT (extract(epoch FROM least(left_at, %(as_of)s::timestamptz) - entered_at) * 1000000)::bigint,
  CASE WHEN left_at <= %(as_of)s::timestamptz THEN next_stage END
FROM app.stage_visits
WHERE org_id = %(org)s::uuid AND stage = %(stage)s::smallint
  AND entered_at <= %(as_of)s::timestamptz
  AND (client_id <> %(client)s::text OR left_at <= %(as_of)s::timestamptz)
ORDER BY entered_at DESC, event_id LIMIT {MOST_VISITS}
"""  # noqa: S608 - only a number of our own goes in


async def select_funnel(
    raw: RawConnection, org_id: UUID, question: FunnelQuestion, within: Span
) -> tuple[list[Step], list[Ended]]:
    """The steps to which anyone came, and how the visits to each ended."""
    by_members = _SELECT_FUNNEL_NOW if question.past is None else _SELECT_FUNNEL_THEN
    cursor = await raw.execute(
        (by_members if question.segment else _SELECT_FUNNEL).encode(),
        {
            "org": org_id,
            "as_of": from_micros(question.as_of),
            "start": from_micros(within.start),
            "end": from_micros(within.end),
            "segment": question.segment,
        },
        binary=True,
    )
    rows = await cursor.fetchall()
    return [_step(row) for row in rows if row[0]], [_ended(row) for row in rows if not row[0]]


async def select_past_visits(
    raw: RawConnection, org_id: UUID, stage: Stage, client_id: str, as_of: Micros
) -> list[PastVisit]:
    """The latest visits to a stage by anyone, but the one that the client is on."""
    values = {"org": org_id, "stage": stage, "client": client_id, "as_of": from_micros(as_of)}
    cursor = await raw.execute(_SELECT_PAST_VISITS.encode(), values, binary=True)
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
