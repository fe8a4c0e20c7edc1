"""The SQL of where clients stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import orjson

from services.journey.journeys.queries.packing import (
    Instants,
    Jsonbs,
    NullableInstants,
)
from services.journey.journeys.rules import stored
from services.journey.journeys.rules.facts import Facts
from services.journey.journeys.rules.moments import from_micros, to_micros
from services.journey.journeys.rules.progress import Kept, Progress, Shown, State
from services.journey.journeys.rules.standing import Contact, Standing
from services.journey.journeys.rules.vocabulary import (
    Micros,
    Norms,
    RiskLevel,
    Signals,
    Stage,
)
from shared.arrays import Doubles, Smallints, Texts
from shared.database import RawConnection, Row

# Whoever changes states locks them first, all in this order: nobody waits for each other.
_LOCK = """
SELECT client_id FROM app.client_states WHERE org_id = %s AND client_id = ANY(%s::text[])
ORDER BY client_id FOR UPDATE
"""

_NEVER = -1
"""Stands for the version of the settings until the rules were first evaluated."""

_INSERT = f"""
INSERT INTO app.client_states (org_id, client_id, facts, contacts, stage, stage_since, score,
  risk_level, findings, as_of, settings_version)
VALUES (%(org)s::uuid, %(client)s, %(facts)s::jsonb, '[]', {Stage.LEAD.value}, %(now)s, 0,
  {RiskLevel.LOW.value}, '[]', %(now)s, {_NEVER})
ON CONFLICT (org_id, client_id) DO NOTHING RETURNING client_id
"""  # noqa: S608 - only numbers of our own go in

_DELETE = "DELETE FROM app.client_states WHERE org_id = %s AND client_id = %s"

# LATERAL with LIMIT: each client is looked up by its key, whatever the planner believes of tables
# that have just been filled.
_SELECT_KEPT = """
SELECT k.client_id, c.created_at, c.ai_score, s.facts, g.feature_uses, g.feature_uses_p25,
  g.measured_at, s.as_of, s.settings_version, s.stage, s.risk_level, s.score, s.findings,
  (SELECT n.project_p75_seconds FROM app.journey_norms AS n
   WHERE n.org_id = %(org)s AND n.day <= %(day)s::date ORDER BY n.day DESC LIMIT 1)
FROM unnest(%(clients)s::text[]) AS k (client_id)
CROSS JOIN LATERAL (
  SELECT created_at, ai_score FROM app.clients
  WHERE org_id = %(org)s AND client_id = k.client_id LIMIT 1
) AS c
CROSS JOIN LATERAL (
  SELECT facts, as_of, settings_version, stage, risk_level, score, findings
  FROM app.client_states WHERE org_id = %(org)s AND client_id = k.client_id LIMIT 1
) AS s
LEFT JOIN LATERAL (
  SELECT feature_uses, feature_uses_p25, measured_at FROM app.client_signals
  WHERE org_id = %(org)s AND client_id = k.client_id LIMIT 1
) AS g ON true
"""

# Every row is there, for it is locked, so that this only ever updates: like that each is found by
# its key, as above. What cannot be NULL and is not to change comes as an empty value.
_UPSERT = """
INSERT INTO app.client_states AS s (org_id, client_id, facts, contacts, stage, stage_since, score,
  risk_level, findings, last_event_at, as_of, next_check_at, settings_version)
SELECT %(org)s::uuid, n.client_id, coalesce(n.facts, '{}'), '[]', n.stage, n.stage_since, n.score,
  n.risk_level, n.findings, n.last_event_at, n.as_of, n.next_check_at, %(version)s::integer
FROM unnest(%(client)b::text[], %(facts)b::jsonb[], %(stage)b::smallint[],
  %(since)b::timestamptz[], %(score)b::float8[], %(level)b::smallint[], %(findings)b::jsonb[],
  %(last)b::timestamptz[], %(as_of)b::timestamptz[], %(next)b::timestamptz[])
  AS n (client_id, facts, stage, stage_since, score, risk_level, findings, last_event_at, as_of,
    next_check_at)
ON CONFLICT (org_id, client_id) DO UPDATE SET
  facts = CASE WHEN EXCLUDED.facts = '{}' THEN s.facts ELSE EXCLUDED.facts END,
  stage = EXCLUDED.stage, stage_since = EXCLUDED.stage_since, score = EXCLUDED.score,
  risk_level = EXCLUDED.risk_level, findings = EXCLUDED.findings,
  last_event_at = EXCLUDED.last_event_at, as_of = EXCLUDED.as_of,
  next_check_at = EXCLUDED.next_check_at, settings_version = EXCLUDED.settings_version
"""

_UPDATE_CONTACTS = """
UPDATE app.client_states SET contacts = %s::jsonb WHERE org_id = %s AND client_id = %s
"""

_INSERT_CHANGE = """
INSERT INTO app.journey_changes (org_id, client_ids) VALUES (%s::uuid, %s::text[])
"""


async def lock_states(raw: RawConnection, org_id: UUID, client_ids: Iterable[str]) -> set[str]:
    """Which of these clients there are; nobody else changes or deletes them until the end."""
    cursor = await raw.execute(_LOCK, (org_id, sorted(set(client_ids))))
    return {row[0] for row in await cursor.fetchall()}


async def insert_state(raw: RawConnection, org_id: UUID, client_id: str, now: Micros) -> bool:
    """The state of a new client, to be filled in; False when there is one."""
    facts = orjson.dumps(stored.to_facts(Facts(), None)).decode()
    values = {"org": org_id, "client": client_id, "facts": facts, "now": from_micros(now)}
    return await (await raw.execute(_INSERT, values)).fetchone() is not None


async def delete_state(raw: RawConnection, org_id: UUID, client_id: str) -> None:
    """With it the client is gone for all who lock states."""
    await raw.execute(_DELETE, (org_id, client_id))


async def select_kept(
    raw: RawConnection, org_id: UUID, client_ids: Iterable[str], now: Micros
) -> dict[str, Kept]:
    """What is kept of these clients, by id; those that there are not are left out."""
    day = from_micros(now).date()
    values = {"org": org_id, "clients": list(client_ids), "day": day}
    cursor = await raw.execute(_SELECT_KEPT, values, binary=True)
    return {row[0]: _kept(row) for row in await cursor.fetchall()}


async def upsert_states(
    raw: RawConnection,
    org_id: UUID,
    states: Mapping[str, State],
    progress: Mapping[str, Progress],
    settings_version: int,
) -> None:
    """Where these clients, whose states are locked, stand; facts of those that made progress."""
    after = list(states.values())
    went = [progress.get(client_id) for client_id in states]
    await raw.execute(
        _UPSERT,
        {
            "org": org_id,
            "version": settings_version,
            "client": Texts(list(states)),
            "facts": Jsonbs(
                [
                    None if one is None else stored.to_facts(one.facts, one.pending_at)
                    for one in went
                ]
            ),
            "stage": Smallints([one.stage for one in after]),
            "since": Instants(one.stage_since for one in after),
            "score": Doubles([one.score for one in after]),
            "level": Smallints([one.level for one in after]),
            "findings": Jsonbs([stored.to_findings(one.findings) for one in after]),
            "last": NullableInstants(one.last_event_at for one in after),
            "as_of": Instants(one.as_of for one in after),
            "next": NullableInstants(one.next_check_at for one in after),
        },
    )


async def update_contacts(
    raw: RawConnection, org_id: UUID, client_id: str, contacts: Iterable[Contact]
) -> None:
    """The latest outcomes of actions for a client, the newest first."""
    kept = orjson.dumps(stored.to_contacts(contacts)).decode()
    await raw.execute(_UPDATE_CONTACTS, (kept, org_id, client_id))


async def insert_change(raw: RawConnection, org_id: UUID, client_ids: Sequence[str]) -> None:
    """Tell those who watch which clients changed; once in a transaction."""
    await raw.execute(_INSERT_CHANGE, (org_id, list(client_ids)))


def _kept(row: Row) -> Kept:
    _, created_at, ai_score, facts, uses, p25, measured_at, as_of, version, *shown, p75 = row
    known, pending_at = stored.from_facts(facts)
    signals = None if measured_at is None else Signals(uses, p25, to_micros(measured_at))
    standing = Standing(
        created_at=to_micros(created_at),
        facts=known,
        ai_score=ai_score,
        signals=signals,
        norms=Norms(p75),
        pending_at=pending_at,
    )
    return Kept(standing, to_micros(as_of), None if version == _NEVER else _shown(*shown))


def _shown(stage: int, level: int, score: float, findings: list[dict[str, int]]) -> Shown:
    risks = frozenset([stored.RISKS[one["risk"]] for one in findings])
    return stored.STAGES[stage], stored.LEVELS[level], score, risks
