"""The SQL of recommendations. It reads, and only reads.

Raw and prepared: a client that is asked about now is known by one statement in one round trip, with
the versions of what many clients share, which is read once and remembered.
"""

from __future__ import annotations

from uuid import UUID

from services.journey.actions.rules.known import Known
from services.journey.journeys.rules.facts import Facts
from services.journey.journeys.rules.moments import from_micros, to_micros
from services.journey.journeys.rules.standing import Standing
from services.journey.journeys.rules.stored import from_contacts, from_facts
from services.journey.journeys.rules.vocabulary import Micros, Norms, Signals
from services.journey.learning.rules.policy import Policy
from services.journey.learning.rules.stored import from_beliefs
from shared.database import Database, RawConnection, Row, Statement, Tenant

_LONGEST_MEMORY = "366 days"
"""No cap and no cooldown looks back further."""

_NORMS = """
(SELECT n.project_p75_seconds FROM app.journey_norms AS n
  WHERE n.org_id = %(org)s::uuid AND n.day <= %(day)s::date ORDER BY n.day DESC LIMIT 1)
"""

_ZONE = "(SELECT o.time_zone FROM app.organisations AS o WHERE o.org_id = %(org)s::uuid)"

_SELECT_NOW = f"""
SELECT c.created_at, c.ai_score, c.time_zone, c.do_not_contact, c.segment, g.feature_uses,
  g.feature_uses_p25, g.measured_at, {_NORMS}, {_ZONE},
  (SELECT j.version FROM app.journey_settings AS j
    WHERE j.org_id = %(org)s::uuid ORDER BY j.version DESC LIMIT 1),
  (SELECT p.policy_version FROM app.action_policies AS p
    WHERE p.org_id = %(org)s::uuid ORDER BY p.policy_version DESC LIMIT 1),
  s.contacts, s.facts
FROM app.clients AS c
JOIN app.client_states AS s ON s.org_id = %(org)s::uuid AND s.client_id = c.client_id
LEFT JOIN app.client_signals AS g ON g.org_id = %(org)s::uuid AND g.client_id = c.client_id
WHERE c.org_id = %(org)s::uuid AND c.client_id = %(client)s::text
"""  # noqa: S608 - only queries of our own go in

_SELECT_THEN = f"""
SELECT c.created_at, v.ai_score, coalesce(v.time_zone, ''), coalesce(v.do_not_contact, false),
  coalesce(v.segment, ''), g.feature_uses, g.feature_uses_p25, g.valid_from, {_NORMS}, {_ZONE},
  (SELECT j.version FROM app.journey_settings AS j
    WHERE j.org_id = %(org)s::uuid AND j.changed_at <= %(as_of)s::timestamptz
    ORDER BY j.changed_at DESC, j.version DESC LIMIT 1),
  (SELECT p.policy_version FROM app.action_policies AS p
    WHERE p.org_id = %(org)s::uuid AND p.made_at <= %(as_of)s::timestamptz
    ORDER BY p.policy_version DESC LIMIT 1),
  (SELECT jsonb_agg(jsonb_build_array(a.action, a.outcome,
      (extract(epoch FROM a.occurred_at) * 1000000)::bigint) ORDER BY a.occurred_at DESC)
    FROM app.action_outcomes AS a
    WHERE a.org_id = %(org)s::uuid AND a.client_id = %(client)s::text
      AND a.occurred_at <= %(as_of)s::timestamptz
      AND a.occurred_at > %(as_of)s::timestamptz - interval '{_LONGEST_MEMORY}')
FROM app.clients AS c
LEFT JOIN LATERAL (
  SELECT * FROM app.client_versions AS w
  WHERE w.org_id = %(org)s::uuid AND w.client_id = %(client)s::text
    AND w.valid_from <= %(as_of)s::timestamptz ORDER BY w.valid_from DESC LIMIT 1
) AS v ON true
LEFT JOIN LATERAL (
  SELECT * FROM app.signal_turns AS t
  WHERE t.org_id = %(org)s::uuid AND t.client_id = %(client)s::text
    AND t.valid_from <= %(as_of)s::timestamptz ORDER BY t.valid_from DESC LIMIT 1
) AS g ON true
WHERE c.org_id = %(org)s::uuid AND c.client_id = %(client)s::text
"""  # noqa: S608 - only queries and an interval of our own go in

_SELECT_POLICY = """
SELECT outcomes, beliefs FROM app.action_policies WHERE org_id = %s AND policy_version = %s
"""


async def select_known(
    database: Database, tenant: Tenant, client_id: str, now: Micros
) -> Known | None:
    """What is known of a client now, in one round trip; None when there is no such client."""
    day = from_micros(now).date()
    values = {"org": tenant.org_id, "client": client_id, "day": day}
    (row,) = await database.in_one_round_trip([Statement(tenant, _SELECT_NOW, values)])
    if row is None:
        return None
    facts, pending_at = from_facts(row[-1])
    return _known(row, facts, pending_at)


async def select_known_then(
    raw: RawConnection, org_id: UUID, client_id: str, as_of: Micros
) -> Known | None:
    """What was known of a client as of then, but for what its events say."""
    moment = from_micros(as_of)
    values = {"org": org_id, "client": client_id, "day": moment.date(), "as_of": moment}
    cursor = await raw.execute(_SELECT_THEN, values, binary=True)
    row = await cursor.fetchone()
    return None if row is None else _known(row, Facts())


async def select_policy(raw: RawConnection, org_id: UUID, version: int) -> Policy:
    """A version of what was learnt; that of nothing where it is no longer kept."""
    row = await (await raw.execute(_SELECT_POLICY, (org_id, version))).fetchone()
    return Policy() if row is None else Policy(version, row[0], from_beliefs(row[1]))


def _known(row: Row, facts: Facts, pending_at: Micros | None = None) -> Known:
    created_at, ai_score, time_zone, unwilling, segment, *rest = row
    uses, p25, measured_at, p75, organisations_zone, settings, policy, contacts = rest[:8]
    signals = None if measured_at is None else Signals(uses, p25, to_micros(measured_at))
    standing = Standing(to_micros(created_at), facts, ai_score, signals, Norms(p75), pending_at)
    return Known(
        standing,
        from_contacts(contacts or ()),
        time_zone,
        unwilling,
        segment,
        organisations_zone,
        settings or 0,
        policy or 0,
    )
