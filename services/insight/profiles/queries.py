"""The SQL of profiles: one statement that sums up the days and actions of users.

Raw and prepared, for it answers in one round trip. It makes the sums, also those that fade, because
shipping and decoding a row for every day would cost more than the rest of the call. Days are summed
in their order, so that a profile is the same to the last bit however its events arrived.
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


def _whole(column: str, which: str = "") -> str:
    return f"coalesce(sum({column}) {which}, 0)::bigint"


def _fading(amount: str, which: str = "") -> str:
    return f"coalesce(sum(weight * {amount}) {which}, 0)"


def _credit(area: str, which: str = "") -> str:
    return _fading(f"(CASE WHEN competency_area = '{area}' THEN credits ELSE 0 END)", which)


def _weight(day: str) -> str:
    return f"power(2::float8, ({day} - here.today) / {HALF_LIFE_DAYS}::float8)"


# What has a sum in both, of days and of actions.
_SUMS = ("points", *COMPETENCY_AREAS)

_DAYS = f"""
SELECT {_whole("events")} AS events, {_whole("tool_uses")} AS tool_sessions,
  {_whole("exports")} AS exports, {_whole("resources")} AS resources,
  {_whole("milestones")} AS milestones, {_whole("competency_points")} AS competency_points,
  {_whole("high_impact")} AS high_impact, count(*) AS active_days, max(last_at) AS last_at,
  min(age) AS newest_age, max(age) AS oldest_age,
  coalesce(bit_or(1::bigint << age) FILTER (WHERE age < {2 * PERIOD_DAYS}), 0) AS active,
  {_whole("events", _RECENT)} AS recent_events, {_whole("high_impact", _RECENT)} AS recent_high,
  {_whole("high_impact", _PREVIOUS)} AS previous_high,
  {_whole("milestones", _RECENT)} AS recent_milestones,
  {_whole("milestones", _PREVIOUS)} AS previous_milestones,
  {_fading("achieved")} AS achievements, {_fading("achieved", _OLDER)} AS older_achievements,
  {", ".join(f"{_fading(one)} AS {one}" for one in _SUMS)},
  {", ".join(f"{_fading(one, _OLDER)} AS older_{one}" for one in _SUMS)}
FROM (
  SELECT d.*, here.today - d.day AS age, {_weight("d.day")} AS weight,
    {HIGH_IMPACT_POINTS} * d.high_impact + {MEDIUM_IMPACT_POINTS} * d.medium_impact
      + {LOW_IMPACT_POINTS} * (d.events - d.high_impact - d.medium_impact) AS points,
    {MILESTONE_ACHIEVEMENTS} * d.milestones + d.exports + d.resources AS achieved
  FROM app.user_day d
  WHERE d.org_id = %(org)s::uuid AND d.user_id = who.user_id AND d.day <= here.today
  ORDER BY d.day
) AS d
"""  # noqa: S608 - only names and numbers of our own go in

_ACTIONS = f"""
SELECT count(*) AS offline_actions,
  count(*) FILTER (WHERE outcome = {_GOOD} AND age < {PERIOD_DAYS}) AS recent_good_actions,
  count(*) FILTER (WHERE outcome = {_GOOD} AND age >= {PERIOD_DAYS} AND age < {2 * PERIOD_DAYS})
    AS previous_good_actions,
  {_fading("points")} AS points, {", ".join(f"{_credit(a)} AS {a}" for a in COMPETENCY_AREAS)},
  {_fading("points", _OLDER)} AS older_points,
  {", ".join(f"{_credit(a, _OLDER)} AS older_{a}" for a in COMPETENCY_AREAS)}
FROM (
  SELECT a.outcome, a.competency_area, here.today - a.day AS age, {_weight("a.day")} AS weight,
    CASE a.outcome WHEN {_GOOD} THEN {GOOD_ACTION_POINTS} ELSE {ACTION_POINTS} END AS points,
    CASE a.outcome WHEN {_GOOD} THEN {GOOD_ACTION_CREDITS} WHEN {_BAD} THEN {BAD_ACTION_CREDITS}
      ELSE {ACTION_CREDITS} END AS credits
  FROM (
    SELECT c.outcome, c.competency_area, c.occurred_at, c.action_id,
      (c.occurred_at AT TIME ZONE here.zone)::date AS day
    FROM app.customer_actions c
    WHERE c.org_id = %(org)s::uuid AND c.user_id = who.user_id
      AND c.occurred_at <= %(as_of)s::timestamptz
  ) AS a
  ORDER BY a.occurred_at, a.action_id
) AS a
"""  # noqa: S608 - only names and numbers of our own go in

_BOTH = {
    **{one: f"d.{one} + a.{one}" for one in (*_SUMS, *(f"older_{sum_}" for sum_ in _SUMS))},
    "user_id": "who.user_id",
}
_SHOWN = ", ".join(_BOTH.get(name, name) for name in Tally._fields)


def _select_tallies(who: str) -> str:
    """Tallies of the users whom a query without a name selects."""
    return f"""
WITH here AS MATERIALIZED (
  SELECT o.time_zone AS zone, (%(as_of)s::timestamptz AT TIME ZONE o.time_zone)::date AS today
  FROM app.organisations o WHERE o.org_id = %(org)s::uuid
)
SELECT {_SHOWN} FROM here CROSS JOIN LATERAL ({who}) AS who
CROSS JOIN LATERAL ({_DAYS}) AS d CROSS JOIN LATERAL ({_ACTIONS}) AS a
ORDER BY who.user_id
"""  # noqa: S608 - only queries of our own go in


_SELECT_TALLY = _select_tallies("SELECT %(user)s::text AS user_id")

_SELECT_PAGE = _select_tallies(f"""
  SELECT u.user_id FROM app.user_day u
  WHERE u.org_id = %(org)s::uuid AND u.user_id > %(after)s::text
    AND u.day > here.today - {LISTED_DAYS} AND u.day <= here.today
  GROUP BY u.user_id ORDER BY u.user_id LIMIT %(limit)s::integer
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
