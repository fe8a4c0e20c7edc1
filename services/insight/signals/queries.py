"""The SQL of signals: one statement for a client or for a page of them, in one round trip.

`here` names the organisation's date; days are whole, and the running one counts as far as it has
come. The quartile of the fleet costs more than all else, and is asked for by itself, now and then.
"""

from __future__ import annotations

from datetime import datetime

from services.insight.signals.rules import (
    FLEET_CLIENTS,
    LISTED_DAYS,
    MAX_INSIGHTS,
    MONTH_DAYS,
    WEEK_DAYS,
    YEAR_DAYS,
    Page,
    Revenue,
    Signals,
    Summary,
    Which,
)
from shared.database import Database, Row, Statement, Tenant

_CLIENT = 2
_OPEN, _ACKNOWLEDGED = 1, 2

_OF_CLIENT = "org_id = %(org)s::uuid AND client_id = %(client)s::text"
_DAYS = f"day <= here.today AND day > here.today - {MONTH_DAYS}"

_WEEKS = f"""
coalesce(sum(events) FILTER (WHERE day > here.today - {WEEK_DAYS}), 0)::bigint AS recent,
coalesce(sum(events) FILTER (WHERE day > here.today - {2 * WEEK_DAYS}
  AND day <= here.today - {WEEK_DAYS}), 0)::bigint AS previous
"""

_USE = f"""
SELECT {_WEEKS}, coalesce(sum(feature_uses), 0)::bigint AS feature_uses
FROM app.client_day WHERE {_OF_CLIENT} AND {_DAYS}
"""  # noqa: S608 - only numbers of our own go in

_FEATURES = f"""
SELECT count(DISTINCT feature)::integer FROM app.feature_day
WHERE org_id = %(org)s::uuid AND subject_kind = {_CLIENT} AND subject_id = %(client)s::text
  AND {_DAYS} AND used > 0
"""  # noqa: S608

_LAST = f"""
SELECT last_at FROM app.client_day WHERE {_OF_CLIENT} AND day <= here.today
ORDER BY day DESC LIMIT 1
"""  # noqa: S608

_QUARTILE = f"""
SELECT percentile_cont(0.25) WITHIN GROUP (ORDER BY uses::float8) FROM (
  SELECT sum(feature_uses) AS uses FROM app.client_day
  WHERE org_id = %(org)s::uuid AND {_DAYS} GROUP BY client_id
) AS fleet HAVING count(*) >= {FLEET_CLIENTS}
"""  # noqa: S608

# As text, for a sum of 64-bit numbers may have more bits than that.
_REVENUE = f"""
SELECT array_agg(currency ORDER BY currency) AS currencies,
  array_agg(month ORDER BY currency) AS months, array_agg(year ORDER BY currency) AS years
FROM (
  SELECT currency, sum(revenue_micros - refund_micros)::text AS year,
    (sum(revenue_micros - refund_micros) FILTER (WHERE day > here.today - {MONTH_DAYS}))::text
      AS month
  FROM app.client_revenue_day
  WHERE {_OF_CLIENT} AND day <= here.today AND day > here.today - {YEAR_DAYS}
  GROUP BY currency
) AS sums
"""  # noqa: S608

_INSIGHTS = f"""
SELECT jsonb_agg(to_jsonb(worst)) FROM (
  SELECT * FROM app.insights WHERE org_id = %(org)s::uuid AND subject_kind = {_CLIENT}
    AND subject_id = %(client)s::text AND state IN ({_OPEN}, {_ACKNOWLEDGED})
  ORDER BY weight DESC, insight_type, feature LIMIT {MAX_INSIGHTS}
) AS worst
"""  # noqa: S608

# How long the oldest event has waited that the roll-ups do not hold yet.
_LAG = """
SELECT greatest(extract(epoch FROM clock_timestamp() - logged_at)::float8, 0) FROM app.event_log
WHERE org_id = %(org)s::uuid AND position > coalesce(
  (SELECT c.position FROM app.session_cursors c WHERE c.org_id = %(org)s::uuid), 0)
ORDER BY position LIMIT 1
"""


_HERE = """
here AS MATERIALIZED (
  SELECT (%(as_of)s::timestamptz AT TIME ZONE o.time_zone)::date AS today
  FROM app.organisations o WHERE o.org_id = %(org)s::uuid
)
"""


_SELECT_SIGNALS = f"""
WITH {_HERE} SELECT use.recent, use.previous, use.feature_uses, ({_FEATURES}), ({_LAST}),
  coalesce(({_LAG}), 0), NULL::float8, revenue.currencies, revenue.months, revenue.years,
  ({_INSIGHTS})
FROM here CROSS JOIN LATERAL ({_USE}) AS use CROSS JOIN LATERAL ({_REVENUE}) AS revenue
"""  # noqa: S608

_SELECT_QUARTILE = f"WITH {_HERE} SELECT ({_QUARTILE}) FROM here"  # noqa: S608


def _clients(named: str) -> str:
    """Along the index of clients, where days of long ago need no look at their rows.

    A page ends as soon as it is full.
    """
    return f"""
SELECT client_id, {_WEEKS}, max(last_at) AS last_at,
  coalesce(sum(feature_uses) FILTER (WHERE day > here.today - {MONTH_DAYS}), 0)::bigint AS uses
FROM app.client_day
WHERE org_id = %(org)s::uuid AND client_id > %(after)s::text
  AND day <= here.today AND day > here.today - {LISTED_DAYS} {named}
GROUP BY client_id ORDER BY client_id LIMIT %(limit)s::integer
"""  # noqa: S608


_TYPES = f"""
SELECT array_agg(DISTINCT insight_type ORDER BY insight_type) FROM app.insights
WHERE org_id = %(org)s::uuid AND subject_kind = {_CLIENT} AND subject_id = page.client_id
  AND state IN ({_OPEN}, {_ACKNOWLEDGED})
"""  # noqa: S608


def _select_page(*, named: bool) -> str:
    clients = _clients("AND client_id = ANY(%(named)s::text[])" if named else "")
    return f"""
WITH {_HERE}, fleet AS MATERIALIZED (SELECT coalesce(({_LAG}), 0) AS lag)
SELECT fleet.lag, page.client_id, page.recent, page.previous, page.uses, page.last_at,
  ({_TYPES})
FROM fleet CROSS JOIN here LEFT JOIN LATERAL ({clients}) AS page ON true
ORDER BY page.client_id
"""  # noqa: S608


async def select_signals(
    database: Database, tenant: Tenant, client_id: str, as_of: datetime
) -> Signals:
    """The signals of a client, without what holds for all of the organisation."""
    parameters = {"org": tenant.org_id, "client": client_id, "as_of": as_of}
    (row,) = await database.in_one_round_trip([Statement(tenant, _SELECT_SIGNALS, parameters)])
    assert row is not None
    return Signals._make((*row[:7], _revenue(row), row[10] or ()))


async def select_quartile(database: Database, tenant: Tenant, as_of: datetime) -> float | None:
    """The lowest quarter of the organisation's clients uses features less often than this."""
    parameters = {"org": tenant.org_id, "as_of": as_of}
    (row,) = await database.in_one_round_trip([Statement(tenant, _SELECT_QUARTILE, parameters)])
    return None if row is None else row[0]


async def select_page(database: Database, tenant: Tenant, which: Which, *, limit: int) -> Page:
    """Clients with an event of late, without what holds for all of the organisation."""
    parameters = {
        "org": tenant.org_id,
        "as_of": which.as_of,
        "after": which.after,
        "named": which.named,
        "limit": limit,
    }
    query = _select_page(named=bool(which.named))
    async with database.raw_transaction(tenant) as raw:
        # Not prepared: the plan depends on how many rows are wanted.
        cursor = await raw.execute(query, parameters, prepare=False, binary=True)
        rows = await cursor.fetchall()
    clients = [Summary._make((*row[1:6], row[6] or ())) for row in rows if row[1] is not None]
    return Page(None, rows[0][0], clients)


def _revenue(row: Row) -> list[Revenue]:
    return [
        Revenue(currency, None if month is None else int(month), int(year))
        for currency, month, year in zip(*(column or () for column in row[7:10]), strict=True)
    ]
