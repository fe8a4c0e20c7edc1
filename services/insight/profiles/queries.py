"""The SQL of profiles: one statement that sums up the days and actions of users.

Raw and prepared, for it answers in one round trip. It makes the sums, also those that fade, because
shipping and decoding a row for every day would cost more than the rest of the call. It sums in the
order of days, so that a profile is the same to the last bit however its events arrived.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from services.insight.profiles.rules import (
    ACTION_CREDITS,
    ACTION_POINTS,
    BAD_ACTION_CREDITS,
    GOOD_ACTION_CREDITS,
    GOOD_ACTION_POINTS,
    HALF_LIFE_DAYS,
    HIGH_IMPACT_POINTS,
    LISTED_DAYS,
    LOW_IMPACT_POINTS,
    MEDIUM_IMPACT_POINTS,
    MILESTONE_ACHIEVEMENTS,
    PERIOD_DAYS,
    Tally,
)
from shared.database import Database, Statement, Tenant
from shared.schema.events import COMPETENCY_AREAS

_GOOD, _BAD = 1, 3  # outcomes of actions, as the contract numbers them
_RECENT = f"FILTER (WHERE age < {PERIOD_DAYS})"
_OLDER = f"FILTER (WHERE age >= {PERIOD_DAYS})"
_PREVIOUS = f"FILTER (WHERE age >= {PERIOD_DAYS} AND age < {2 * PERIOD_DAYS})"


def _sum(amount: str, which: str = "") -> str:
    return f"coalesce(sum({amount}) {which}, 0)"


def _weight(day: str) -> str:
    return f"power(2::float8, ({day} - here.today) / {HALF_LIFE_DAYS}::float8) AS weight"


def _shown(area: str) -> str:
    return f"CASE competency_area WHEN '{area}' THEN credits ELSE 0 END"


_DAYS = f"""
SELECT here.today - day AS age, {_weight("day")}, here.today - day AS seen, last_at, events,
  tool_uses, exports, resources, milestones, competency_points, high_impact,
  {HIGH_IMPACT_POINTS} * high_impact + {MEDIUM_IMPACT_POINTS} * medium_impact
    + {LOW_IMPACT_POINTS} * (events - high_impact - medium_impact) AS points,
  {MILESTONE_ACHIEVEMENTS} * milestones + exports + resources AS achieved,
  {", ".join(COMPETENCY_AREAS)}, 0 AS actions, 0 AS good
FROM app.user_day
WHERE org_id = %(org)s::uuid AND user_id = who.user_id AND day <= here.today ORDER BY day
"""  # noqa: S608 - only names and numbers of our own go in

_ACTIONS = f"""
SELECT here.today - day, {_weight("day")}, NULL, NULL, 0, 0, 0, 0, 0, 0, 0,
  CASE outcome WHEN {_GOOD} THEN {GOOD_ACTION_POINTS} ELSE {ACTION_POINTS} END, 0,
  {", ".join(map(_shown, COMPETENCY_AREAS))}, 1, CASE outcome WHEN {_GOOD} THEN 1 ELSE 0 END
FROM (
  SELECT outcome, competency_area, occurred_at, action_id,
    (occurred_at AT TIME ZONE here.zone)::date AS day,
    CASE outcome WHEN {_GOOD} THEN {GOOD_ACTION_CREDITS} WHEN {_BAD} THEN {BAD_ACTION_CREDITS}
      ELSE {ACTION_CREDITS} END AS credits
  FROM app.customer_actions
  WHERE org_id = %(org)s::uuid AND user_id = who.user_id
    AND occurred_at <= %(as_of)s::timestamptz
) AS actions
ORDER BY occurred_at, action_id
"""  # noqa: S608 - only names and numbers of our own go in

_FADING = ("points", "achieved", *COMPETENCY_AREAS)

# In the order of Tally.
_SUMS = (
    _sum("events"),
    _sum("tool_uses"),
    _sum("exports"),
    _sum("resources"),
    _sum("milestones"),
    f"{_sum('competency_points')}::bigint",
    _sum("high_impact"),
    "count(seen)",
    "max(last_at)",
    "min(seen)",
    "max(seen)",
    f"coalesce(bit_or(1::bigint << seen) FILTER (WHERE seen < {2 * PERIOD_DAYS}), 0)",
    _sum("events", _RECENT),
    _sum("high_impact", _RECENT),
    _sum("high_impact", _PREVIOUS),
    _sum("milestones", _RECENT),
    _sum("milestones", _PREVIOUS),
    *(_sum(f"weight * {amount}") for amount in _FADING),
    *(_sum(f"weight * {amount}", _OLDER) for amount in _FADING),
    _sum("actions"),
    _sum("good", _RECENT),
    _sum("good", _PREVIOUS),
)


def _select_tallies(who: str) -> str:
    """Tallies of the users whom a query selects.

    In one line: psycopg does not remember how to send a statement beyond 4,096 characters, and
    finding that out anew for each call would cost as much as deciding the answer.
    """
    statement = f"""
WITH here AS MATERIALIZED (
  SELECT o.time_zone AS zone, (%(as_of)s::timestamptz AT TIME ZONE o.time_zone)::date AS today
  FROM app.organisations o WHERE o.org_id = %(org)s::uuid
)
SELECT who.user_id, sums.* FROM here CROSS JOIN LATERAL ({who}) AS who
CROSS JOIN LATERAL (
  SELECT {", ".join(_SUMS)} FROM (({_DAYS}) UNION ALL ({_ACTIONS})) AS past
) AS sums
ORDER BY who.user_id
"""  # noqa: S608 - only queries of our own go in
    return " ".join(statement.split())


_SELECT_TALLY = _select_tallies("SELECT %(user)s::text AS user_id")

# From user to user along the index: a page looks at the users on it and at those between who have
# been away, not at every day of everybody.
_SELECT_PAGE = _select_tallies(f"""
  WITH RECURSIVE users (user_id) AS (
    (SELECT user_id FROM app.user_day WHERE org_id = %(org)s::uuid AND user_id > %(after)s::text
      ORDER BY user_id LIMIT 1)
    UNION ALL
    SELECT following.user_id FROM users CROSS JOIN LATERAL (
      SELECT d.user_id FROM app.user_day d
      WHERE d.org_id = %(org)s::uuid AND d.user_id > users.user_id ORDER BY d.user_id LIMIT 1
    ) AS following
  )
  SELECT user_id FROM users WHERE (
    SELECT max(d.day) FROM app.user_day d
    WHERE d.org_id = %(org)s::uuid AND d.user_id = users.user_id AND d.day <= here.today
  ) > here.today - {LISTED_DAYS} LIMIT %(limit)s::integer
""")  # noqa: S608 - only a number of our own goes in


async def select_tally(database: Database, tenant: Tenant, user_id: str, as_of: datetime) -> Tally:
    """The tally of one user, of zeros when nothing is known that the caller may see."""
    parameters = {**_of(tenant, as_of), "user": user_id}
    (row,) = await database.in_one_round_trip([Statement(tenant, _SELECT_TALLY, parameters)])
    assert row is not None
    return Tally._make(row)


async def select_tallies(
    database: Database, tenant: Tenant, as_of: datetime, *, after: str, limit: int
) -> list[Tally]:
    """Tallies of the users with an event of late, by user after `after`."""
    parameters = {**_of(tenant, as_of), "after": after, "limit": limit}
    async with database.raw_transaction(tenant) as raw:
        cursor = await raw.execute(_SELECT_PAGE, parameters, prepare=True, binary=True)
        return [Tally._make(row) for row in await cursor.fetchall()]


def _of(tenant: Tenant, as_of: datetime) -> Mapping[str, object]:
    return {"org": tenant.org_id, "as_of": as_of}
