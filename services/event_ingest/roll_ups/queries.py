"""The SQL of counting by feature and client: one statement for a batch, sorted by key.

All three tables move together, and with the cursor of the log. Days are those of the organisation's
time zone, which whoever holds the cursor may rely on: a change of the zone takes the cursor first.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.event_ingest.event_types.rules import Impact, TypeId
from shared import arrays, ids
from shared.arrays import EPOCH_MICROS
from shared.database import RawConnection

_REFUND = 7
"""REVENUE_KIND_REFUND of the contract."""

_USES = f"type_id IN ({TypeId.FEATURE_USED.value}, {TypeId.TOOL_USAGE.value})"
_ABANDONMENTS = f"type_id = {TypeId.FEATURE_ABANDONED.value}"


def _count(condition: str) -> str:
    return f"count(*) FILTER (WHERE {condition})"


def _of(type_id: TypeId) -> str:
    return _count(f"type_id = {type_id.value}")


# Counting what `folded` holds of events, when they are folded and when they are counted anew.
FOLDED = """e.occurred_at, (e.occurred_at AT TIME ZONE %(zone)s::text)::date AS day, e.type_id,
    e.impact, e.cost_nanos, e.amount_micros, e.currency, e.user_id, e.client_id, e.feature,
    e.data -> 'revenue' ->> 'kind' AS revenue_kind"""

COUNTS = f"""
features AS (
  INSERT INTO app.feature_day AS f (org_id, day, subject_kind, feature, subject_id, used, abandoned)
  SELECT %(org)s::uuid, day, s.kind, feature, s.id, {_count(_USES)}, {_count(_ABANDONMENTS)}
  FROM folded CROSS JOIN LATERAL (VALUES (1::smallint, user_id), (2::smallint, client_id))
    AS s (kind, id)
  WHERE feature IS NOT NULL AND s.id IS NOT NULL AND ({_USES} OR {_ABANDONMENTS})
  GROUP BY 2, 3, 4, 5 ORDER BY 2, 3, 4, 5
  ON CONFLICT (org_id, day, subject_kind, feature, subject_id) DO UPDATE SET
    used = f.used + EXCLUDED.used, abandoned = f.abandoned + EXCLUDED.abandoned
  RETURNING 1
), clients AS (
  INSERT INTO app.client_day AS c (org_id, day, client_id, events, high_impact, feature_uses,
    voice_generations, reports, abandonments, cost_nanos, first_at, last_at)
  SELECT %(org)s::uuid, day, client_id, count(*), {_count(f"impact = {Impact.HIGH.value}")},
    {_count(_USES)}, {_of(TypeId.VOICE_GENERATION)}, {_of(TypeId.REPORT_GENERATED)},
    {_count(_ABANDONMENTS)}, coalesce(sum(cost_nanos), 0)::bigint, min(occurred_at),
    max(occurred_at)
  FROM folded WHERE client_id IS NOT NULL GROUP BY 2, 3 ORDER BY 2, 3
  ON CONFLICT (org_id, day, client_id) DO UPDATE SET
    events = c.events + EXCLUDED.events,
    high_impact = c.high_impact + EXCLUDED.high_impact,
    feature_uses = c.feature_uses + EXCLUDED.feature_uses,
    voice_generations = c.voice_generations + EXCLUDED.voice_generations,
    reports = c.reports + EXCLUDED.reports,
    abandonments = c.abandonments + EXCLUDED.abandonments,
    cost_nanos = c.cost_nanos + EXCLUDED.cost_nanos,
    first_at = least(c.first_at, EXCLUDED.first_at),
    last_at = greatest(c.last_at, EXCLUDED.last_at)
  RETURNING 1
), revenues AS (
  INSERT INTO app.client_revenue_day AS r (org_id, client_id, currency, day, payments,
    revenue_micros, refund_micros)
  SELECT %(org)s::uuid, client_id, currency, day, count(*) FILTER (WHERE NOT refund),
    least(coalesce(sum(amount_micros) FILTER (WHERE NOT refund), 0), {2**63 - 1})::bigint,
    least(coalesce(sum(amount_micros) FILTER (WHERE refund), 0), {2**63 - 1})::bigint
  FROM (SELECT *, coalesce(revenue_kind = '{_REFUND}', false) AS refund FROM folded) AS folded
  WHERE client_id IS NOT NULL AND amount_micros IS NOT NULL
    AND type_id = {TypeId.REVENUE.value}
  GROUP BY 2, 3, 4 ORDER BY 2, 3, 4
  ON CONFLICT (org_id, client_id, currency, day) DO UPDATE SET
    payments = r.payments + EXCLUDED.payments,
    revenue_micros =
      least(r.revenue_micros::numeric + EXCLUDED.revenue_micros, {2**63 - 1})::bigint,
    refund_micros = least(r.refund_micros::numeric + EXCLUDED.refund_micros, {2**63 - 1})::bigint
  RETURNING 1
)
"""  # noqa: S608 - only numbers of our own go in

_SELECT_TIME_ZONE = "SELECT time_zone FROM app.organisations WHERE org_id = %s"

_UPSERT_COUNTS = f"""
WITH folded AS MATERIALIZED (
  SELECT e.* FROM unnest(%(place)b::timestamptz[], %(event_id)b::uuid[]) AS k (id_time, event_id)
  CROSS JOIN LATERAL (
    SELECT {FOLDED} FROM app.events e
    WHERE e.org_id = %(org)s AND e.id_time = k.id_time AND e.event_id = k.event_id LIMIT 1
  ) AS e
), {COUNTS}
SELECT count(*) FROM folded
"""  # noqa: S608


async def upsert_counts(raw: RawConnection, org_id: UUID, event_ids: Sequence[UUID]) -> None:
    """Count the events of these ids that still exist, in the transaction that holds the cursor."""
    packed = [event_id.bytes for event_id in event_ids]
    places = [ids.place_ms(event_id) * 1000 - EPOCH_MICROS for event_id in packed]
    parameters = {
        "org": org_id,
        "zone": await _select_time_zone(raw, org_id),
        "place": arrays.Instants(places),
        "event_id": arrays.Uuids(packed),
    }
    await raw.execute(_UPSERT_COUNTS.encode(), parameters, prepare=True)


async def _select_time_zone(raw: RawConnection, org_id: UUID) -> str:
    row = await (await raw.execute(_SELECT_TIME_ZONE, (org_id,))).fetchone()
    return row[0] if row else "UTC"
