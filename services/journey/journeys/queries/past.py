"""The SQL of what was known of a client at a moment."""

from __future__ import annotations

from uuid import UUID

from services.journey.journeys.rules.facts import Facts
from services.journey.journeys.rules.moments import from_micros, to_micros
from services.journey.journeys.rules.standing import Standing
from services.journey.journeys.rules.vocabulary import Micros, Norms, Signals
from shared.database import RawConnection

_SELECT = """
SELECT c.created_at, v.ai_score, t.feature_uses, t.feature_uses_p25, t.valid_from,
  (SELECT n.project_p75_seconds FROM app.journey_norms AS n
   WHERE n.org_id = %(org)s AND n.day <= %(day)s::date ORDER BY n.day DESC LIMIT 1)
FROM app.clients AS c
LEFT JOIN LATERAL (
  SELECT ai_score FROM app.client_versions
  WHERE org_id = %(org)s AND client_id = c.client_id AND valid_from <= %(as_of)s
  ORDER BY valid_from DESC LIMIT 1
) AS v ON true
LEFT JOIN LATERAL (
  SELECT feature_uses, feature_uses_p25, valid_from FROM app.signal_turns
  WHERE org_id = %(org)s AND client_id = c.client_id AND valid_from <= %(as_of)s
  ORDER BY valid_from DESC LIMIT 1
) AS t ON true
WHERE c.org_id = %(org)s AND c.client_id = %(client)s
"""

_SELECT_BEGIN = """
SELECT c.created_at, EXISTS (
  SELECT FROM app.journey_events
  WHERE org_id = %(org)s AND client_id = %(client)s AND occurred_at <= %(as_of)s)
FROM app.clients AS c WHERE c.org_id = %(org)s AND c.client_id = %(client)s
"""


async def select_begin(
    raw: RawConnection, org_id: UUID, client_id: str, as_of: Micros
) -> tuple[Micros, bool] | None:
    """When a client was made, and whether any of its events occurred by then; None without one."""
    values = {"org": org_id, "client": client_id, "as_of": from_micros(as_of)}
    row = await (await raw.execute(_SELECT_BEGIN, values)).fetchone()
    return None if row is None else (to_micros(row[0]), row[1])


async def select_past(
    raw: RawConnection, org_id: UUID, client_id: str, as_of: Micros
) -> Standing | None:
    """What was known of a client then, but for its events; None when there is no such client."""
    moment = from_micros(as_of)
    values = {"org": org_id, "client": client_id, "as_of": moment, "day": moment.date()}
    row = await (await raw.execute(_SELECT, values)).fetchone()
    if row is None:
        return None
    created_at, ai_score, uses, p25, measured_at, p75 = row
    signals = None if measured_at is None else Signals(uses, p25, to_micros(measured_at))
    return Standing(to_micros(created_at), Facts(), ai_score, signals, Norms(p75))
