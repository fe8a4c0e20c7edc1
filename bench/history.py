"""Weeks of what the users of organisations did, as events and as the roll-ups of these events.

A history is told once or many times over: the same users do the same things in the same hours, only
more often, so that the roll-ups have as many rows and other numbers. What detectors count one by
one (voice generations, reports, features given up) does not multiply: they find the same.

Events are made by Postgres. They are counted by the use case that counts kept events anew, and so
by the text that counts each event when it is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from uuid import UUID

import psycopg

from bench.claim import WrongCount
from bench.filling import in_bulk
from bench.ground import Base
from services.event_ingest.recount.usecases import recount
from shared.schema import logins

# One day of everybody in the base. A user in ten has all but given up in the last week, one uses
# half, one twice as much as before: what they do not do then they did three weeks earlier.
_FILL = """INSERT INTO app.events (org_id, id_time, event_id, occurred_at, received_at,
    content_hash, type_id, impact, user_id, session_id, client_id, feature, data)
  SELECT org_id, at, ({id})::uuid, at, at, n,
    CASE WHEN kind < 2 THEN 1 WHEN kind < 4 THEN 17 WHEN kind < 7 THEN 2 WHEN kind < 9 THEN 12
      ELSE (ARRAY[5, 6, 3, 13])[1 + u % 4] END,
    1, 'user-' || u, 'session-' || u, 'client-' || u % 50, 'feature-' || (u * 7 + act) % 20,
    '{{"properties":{{"origin":"JFK","destination":"LAX","minutes":42}}}}'
  FROM (SELECT *, act % 10 AS kind, to_timestamp(ms / 1000.0::float8) AS at FROM (
    SELECT org_id, u, act, (({day}::bigint * {users} + u) * {acts} + made) * {copies} + copy AS n,
      {midnight_ms} + ((u / 7 + act) % 10 + 8) * 3600000
        + (made * 7919 + copy * 104729 + u * 31) % 3600000 - 86400000::bigint * ({day} + CASE
          WHEN u % 10 = 0 AND {day} <= 7 AND act % 10 >= 2
            OR u % 10 = 1 AND {day} <= 7 AND act % 10 >= 4
            OR u % 10 = 2 AND {day} BETWEEN 8 AND 14 AND act % 10 >= 3 THEN 21 ELSE 0 END) AS ms
    FROM app.organisations, generate_series(1, {users}) AS u,
      generate_series(0, {acts} - 1) AS made, generate_series(0, {copies} - 1) AS copy,
      LATERAL (SELECT made - (made % 10 = 9 AND copy > 0)::integer AS act) AS told
  ) AS made) AS made"""
_V7 = """lpad(to_hex(ms), 12, '0') || '7' || lpad(to_hex(n & 4095), 3, '0') || '8'
  || lpad(to_hex(n), 15, '0')"""

ROLL_UPS = ("event_hourly", "user_day", "feature_day", "client_day")


@dataclass(frozen=True, slots=True)
class History:
    """So many users over so many days, each with so many acts a day (a multiple of ten)."""

    users: int
    days: int
    acts: int

    @property
    def events(self) -> int:
        """Of one organisation, told once."""
        return self.users * self.days * self.acts


async def tell(base: Base, history: History, times: int = 1) -> int:
    """Give it to every organisation of the base, so many times over; how many events that makes."""
    midnight = datetime.combine(datetime.now(UTC), time(), UTC)
    with in_bulk(base):
        for day in range(history.days, 0, -1):
            base.administer(_day(history, day, times, midnight))
    organisations = [row[0] for row in base.execute("SELECT org_id FROM app.organisations")]
    for org_id in organisations:
        await _count(base, org_id)
    base.administer(*(f"VACUUM (FREEZE, ANALYZE) app.{table}" for table in ROLL_UPS), "CHECKPOINT")
    made = history.events * times * len(organisations)
    _check(base, made)
    return made


def rolled_up(base: Base) -> tuple[int, ...]:
    """How many rows each of the roll-ups has."""
    return tuple(base.execute(f"SELECT count(*) FROM app.{table}")[0][0] for table in ROLL_UPS)


def _day(history: History, day: int, times: int, midnight: datetime) -> str:
    return _FILL.format(
        id=_V7,
        midnight_ms=int(midnight.timestamp()) * 1000,
        day=day,
        users=history.users,
        acts=history.acts,
        copies=times,
    )


async def _count(base: Base, org_id: UUID) -> None:
    url = base.urls[logins.OWNER]
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await recount(connection, org_id, ("UTC", "UTC"), datetime.now(UTC))


def _check(base: Base, made: int) -> None:
    """Raises when an event is not there, or not counted by hour, user or client."""
    counted = base.execute(
        "SELECT (SELECT sum(events) FROM app.event_hourly), (SELECT sum(events) FROM app.user_day),"
        " (SELECT sum(events) FROM app.client_day), (SELECT count(*) FROM app.events)"
    )[0]
    if set(map(int, counted)) != {made}:
        raise WrongCount(f"{made} events were made; counted: {counted}")
