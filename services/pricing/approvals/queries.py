"""The SQL of approvals. Requests, verdicts and changes are written by the guard's functions alone.

In a pipeline, what a function says and what then stands travel in one round trip.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

import orjson

from services.pricing.approvals.rules.approval import (
    Approval,
    Cursor,
    Proposal,
    Revision,
    Risk,
    Said,
    State,
    Verdict,
    Wanted,
    Where,
)
from services.pricing.approvals.rules.ground import Asked, Ground
from services.pricing.approvals.rules.records import TOPIC, Record
from services.pricing.guard_rails.rules.ground import (
    COMPETITORS_SEEN_WITHIN,
    value_bounds,
    year_before,
)
from services.pricing.guard_rails.rules.ground import Ground as Rails
from services.pricing.guard_rails.rules.settings import PricingSettings, from_json
from services.pricing.tiers.rules import ValueMetric
from shared.database import Database, RawConnection, Row, Statement, Tenant
from shared.schema import audit, outbox

_COLUMNS = """
SELECT a.approval_id, a.tier_id, a.state, a.revision, a.etag, a.suggestion_id, a.rolls_back,
  a.requested_at, a.expires_at, a.changed_at, r.content_hash, r.base_version, r.current_minor,
  r.proposed_minor, r.currency, r.requested_effective_at, r.reason, r.evidence, r.risks,
  everyone.contributors, said.verdicts, c.price_change_id
"""
_FROM = """
FROM app.approvals a
JOIN app.approval_revisions r ON r.org_id = %(org)s AND r.approval_id = a.approval_id
  AND r.revision = a.revision
CROSS JOIN LATERAL (
  SELECT jsonb_agg(x.contributors ORDER BY x.revision) AS contributors
  FROM app.approval_revisions x WHERE x.org_id = %(org)s AND x.approval_id = a.approval_id
) everyone
CROSS JOIN LATERAL (
  SELECT jsonb_agg(jsonb_build_array(v.verdict, v.decided_by, v.role, v.decided_at, v.notes,
    v.revision, encode(v.content_hash, 'hex')) ORDER BY v.revision) AS verdicts
  FROM app.approval_verdicts v WHERE v.org_id = %(org)s AND v.approval_id = a.approval_id
) said
LEFT JOIN app.price_changes c ON c.org_id = %(org)s AND c.approval_id = a.approval_id
WHERE a.org_id = %(org)s
"""
LISTENED = """EXISTS (SELECT FROM app.webhook_endpoints w
  WHERE w.org_id = %(org)s AND w.topic = %(topic)s AND NOT w.disabled)
"""
_SELECT_ONE = _COLUMNS + _FROM + "AND a.approval_id = %(approval)s"
_SELECT_WRITTEN = _COLUMNS + ", " + LISTENED + _FROM + "AND a.approval_id = %(approval)s"
_SELECT_SOME = (
    _COLUMNS
    + _FROM
    + """AND a.approval_id = ANY(%(approvals)s::uuid[])
AND (%(tier)s::text = '' OR a.tier_id = %(tier)s)"""
)
_SELECT_PAGE = (
    _COLUMNS
    + _FROM
    + """AND (cardinality(%(states)s::smallint[]) = 0 OR a.state = ANY(%(states)s::smallint[]))
AND (%(tier)s::text = '' OR a.tier_id = %(tier)s)
AND (%(since)s::timestamptz IS NULL
  OR (a.requested_at, a.approval_id) < (%(since)s::timestamptz, %(after)s::uuid))
ORDER BY a.requested_at DESC, a.approval_id DESC LIMIT %(limit)s"""
)

_INSERT_REQUEST = """
SELECT app.price_request(%s::uuid, %s::uuid, %s::bigint, %s::text, %s::bigint, %s::text,
  %s::timestamptz, %s::text, %s::jsonb, %s::jsonb, %s::text, %s::uuid, %s::uuid)
"""
_INSERT_VERDICT = """
SELECT app.price_decide(%s::uuid, %s::uuid, %s::bigint, %s::bytea, %s::smallint, %s::text, %s::uuid)
"""
_UPDATE_WITHDRAWN = "SELECT app.price_withdraw(%s::uuid, %s::uuid, %s::bigint)"

_INSERT_CHANGES = """
INSERT INTO app.approval_changes (org_id, approval_ids) VALUES (%s::uuid, %s::uuid[])
"""

# All that is weighed, in one round trip; guard-rails and tiers have the same of their own. What is
# asked of a tier at the moment is looked for, not counted: there may be many of them.
_SELECT_GROUND = """
SELECT p.version, p.amount_minor, t.currency, t.floor_minor, t.cost_to_serve_minor,
  t.value_metrics, s.version, s.settings,
  ARRAY(SELECT v.amount_minor FROM app.price_versions v
    WHERE v.org_id = %(org)s AND v.tier_id = %(tier)s
      AND (v.valid_to IS NULL OR v.valid_to > %(year_before)s::timestamptz)),
  ARRAY(SELECT DISTINCT ON (c.competitor, c.offer) c.amount_minor FROM app.competitor_prices c
    WHERE c.org_id = %(org)s AND c.tier_id = %(tier)s AND c.currency = t.currency
      AND c.observed_at > %(seen_since)s::timestamptz AND c.observed_at <= %(now)s::timestamptz
    ORDER BY c.competitor, c.offer, c.observed_at DESC, c.competitor_price_id DESC),
  (SELECT count(*) FROM app.subscriptions n
    WHERE n.org_id = %(org)s AND n.tier_id = %(tier)s AND n.ended_at IS NULL),
  EXISTS (SELECT FROM app.approvals a WHERE a.org_id = %(org)s AND a.tier_id = %(tier)s
    AND a.state IN (1, 4) AND a.approval_id <> %(approval)s),
  EXISTS (SELECT FROM app.price_changes c WHERE c.org_id = %(org)s AND c.tier_id = %(tier)s
    AND c.state IN (1, 2))
FROM app.tiers t
CROSS JOIN LATERAL (
  SELECT v.version, v.amount_minor FROM app.price_versions v
  WHERE v.org_id = %(org)s AND v.tier_id = %(tier)s ORDER BY v.version DESC LIMIT 1) p
LEFT JOIN LATERAL (
  SELECT x.version, x.settings FROM app.pricing_settings x
  WHERE x.org_id = %(org)s ORDER BY x.version DESC LIMIT 1) s ON true
WHERE t.org_id = %(org)s AND t.tier_id = %(tier)s
"""


class Outcome(NamedTuple):
    """What the database says, what then stands, and whether anybody listens to requests."""

    word: str
    approval: Approval | None
    listened: bool = False


async def select_ground(
    database: Database, tenant: Tenant, tier_id: str, approval_id: UUID, now: datetime
) -> Ground | None:
    """What there is about a tier whose price somebody wants to change by this request."""
    where = {
        "org": tenant.org_id,
        "tier": tier_id,
        "approval": approval_id,
        "year_before": year_before(now),
        "seen_since": now - COMPETITORS_SEEN_WITHIN,
        "now": now,
    }
    (row,) = await database.in_one_round_trip([Statement(tenant, _SELECT_GROUND, where)])
    return None if row is None else _ground(tier_id, row)


async def select_approval(raw: RawConnection, org_id: UUID, approval_id: UUID) -> Approval | None:
    """One request as it stands."""
    where = {"org": org_id, "approval": approval_id}
    row = await (await raw.execute(_SELECT_ONE, where, prepare=True)).fetchone()
    return None if row is None else _approval(row)


async def select_approval_at_once(
    database: Database, tenant: Tenant, approval_id: UUID
) -> Approval | None:
    """The same, with a transaction of its own, in one round trip."""
    where = {"org": tenant.org_id, "approval": approval_id}
    (row,) = await database.in_one_round_trip([Statement(tenant, _SELECT_ONE, where)])
    return None if row is None else _approval(row)


async def select_approvals_by_id(
    raw: RawConnection, org_id: UUID, approval_ids: Sequence[UUID], tier_id: str
) -> dict[UUID, Approval]:
    """Those of these requests that are of the tier, or of any when it is empty."""
    where = {"org": org_id, "approvals": list(approval_ids), "tier": tier_id}
    found = [_approval(row) async for row in await raw.execute(_SELECT_SOME, where)]
    return {one.approval_id: one for one in found}


async def select_approvals(
    raw: RawConnection, org_id: UUID, where: Where, after: Cursor | None, limit: int
) -> list[Approval]:
    """Requests, the latest first."""
    parameters = {
        "org": org_id,
        "states": [int(one) for one in where.states],
        "tier": where.tier_id,
        "since": after.requested_at if after else None,
        "after": after.approval_id if after else None,
        "limit": limit,
    }
    return [_approval(row) async for row in await raw.execute(_SELECT_PAGE, parameters)]


async def insert_request(
    raw: RawConnection, org_id: UUID, approval_id: UUID, wanted: Wanted, asked: Asked
) -> Outcome:
    """Ask."""
    proposal = _proposed(wanted.tier_id, wanted.proposal, asked)
    values = (None, *proposal, wanted.suggestion_id, wanted.rolls_back)
    return await _write(raw, org_id, approval_id, _INSERT_REQUEST, values)


async def insert_revision(
    raw: RawConnection, org_id: UUID, known: Approval, revision: Revision, asked: Asked
) -> Outcome:
    """Change what is asked, if the request is still the one whose etag was sent."""
    number = known.number_of(org_id, revision.etag)
    values = (number, *_proposed(known.tier_id, revision.proposal, asked), None, None)
    return await _write(raw, org_id, known.approval_id, _INSERT_REQUEST, values)


async def insert_verdict(
    raw: RawConnection,
    org_id: UUID,
    approval_id: UUID,
    *,
    number: int,
    content_hash: bytes,
    verdict: Verdict,
    notes: str,
    price_change_id: UUID,
) -> Outcome:
    """Decide, if the request still has this number and this content."""
    values = (number, content_hash, int(verdict), notes, price_change_id)
    return await _write(raw, org_id, approval_id, _INSERT_VERDICT, values)


async def update_withdrawn(
    raw: RawConnection, org_id: UUID, approval_id: UUID, number: int
) -> Outcome:
    """Take a request back, if it still has this number."""
    return await _write(raw, org_id, approval_id, _UPDATE_WITHDRAWN, (number,))


async def insert_changes(raw: RawConnection, org_id: UUID, approval_ids: Sequence[UUID]) -> None:
    """Watches show these requests, once the transaction commits; once a transaction."""
    if approval_ids:
        await raw.execute(_INSERT_CHANGES, (org_id, list(approval_ids)), prepare=True)


async def insert_records(
    raw: RawConnection, org_id: UUID, approval_id: UUID, record: Record
) -> None:
    """What a transition leaves for watches, for whoever listens, and last in the audit log.

    The end of the log is held until the transaction ends, so nothing comes after it.
    """
    await insert_changes(raw, org_id, [approval_id])
    if record.message_id is not None:
        await outbox.append(
            raw, org_id, message_id=record.message_id, topic=TOPIC, body=record.message
        )
    await audit.append(raw, org_id, target=str(approval_id), **record.entry)


async def _write(
    raw: RawConnection,
    org_id: UUID,
    approval_id: UUID,
    statement: LiteralString,
    values: Sequence[object],
) -> Outcome:
    said = await raw.execute(statement, (org_id, approval_id, *values), prepare=True)
    where = {"org": org_id, "approval": approval_id, "topic": TOPIC}
    stands = await raw.execute(_SELECT_WRITTEN, where, prepare=True)
    word, row = await said.fetchone(), await stands.fetchone()
    assert word is not None
    if row is None:
        return Outcome(word[0], None)
    *kept, listened = row
    return Outcome(word[0], _approval(tuple(kept)), listened)


def _ground(tier_id: str, row: Row) -> Ground:
    version, current, currency, floor, cost, metrics, settings_version, settings, *rest = row
    year, competitors, *standing = rest
    low, high = value_bounds(ValueMetric(**one) for one in metrics)
    rails = Rails(current, currency, tuple(year), floor, cost, tuple(competitors), low, high)
    kept = PricingSettings() if settings is None else from_json(settings, settings_version)
    return Ground(tier_id, version, rails, kept, *standing)


def _proposed(tier_id: str, proposal: Proposal, asked: Asked) -> tuple[object, ...]:
    risks = [one._asdict() for one in asked.weighed.risks]
    return (
        tier_id,
        proposal.proposed_minor,
        proposal.currency,
        proposal.effective_at,
        proposal.reason,
        orjson.dumps(asked.weighed.evidence).decode(),
        orjson.dumps(risks).decode(),
        asked.actor,
    )


def _approval(row: Row) -> Approval:
    approval_id, tier_id, state, *request = row[:10]
    content_hash, *content, risks, contributors, verdicts, price_change_id = row[10:]
    kept: tuple[Any, ...] = (
        approval_id,
        tier_id,
        State(state),
        *request,
        bytes(content_hash),
        *content,
        [Risk(one["name"], one["description"]) for one in risks],
        contributors[0][-1],
        list(dict.fromkeys(one for each in contributors for one in each)),
        [_said(one) for one in verdicts or ()],
        price_change_id,
    )
    return Approval(*kept)


def _said(kept: Sequence[Any]) -> Said:
    verdict, decided_by, role, decided_at, notes, revision, content_hash = kept
    moment = datetime.fromisoformat(decided_at)
    return Said(
        Verdict(verdict), decided_by, role, moment, notes, revision, bytes.fromhex(content_hash)
    )
