"""The SQL of outcomes, their tallies, and of policies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

import orjson

from services.journey.actions.rules.eligibility import REJECTIONS
from services.journey.journeys.rules.moments import from_micros, to_micros
from services.journey.journeys.rules.standing import CONTACTS_KEPT, Contact
from services.journey.journeys.rules.vocabulary import Action, Channel, Outcome
from services.journey.learning.rules.estimates import Weighed
from services.journey.learning.rules.making import Made, Tally
from services.journey.learning.rules.outcomes import Change, Counted, Told, rank_of
from services.journey.learning.rules.policy import Policy
from services.journey.learning.rules.report import Clients, Numbers, Sum
from services.journey.learning.rules.stored import from_beliefs, to_beliefs
from shared.database import RawConnection

_SELECT_SEGMENT = "SELECT segment FROM app.clients WHERE org_id = %s AND client_id = %s"

_SELECT_COUNTED = """
SELECT occurred_at, segment, action, arm, outcome FROM app.action_outcomes
WHERE org_id = %s AND outcome_id = %s
"""

# What the decision said stays: it is the same decision.
_UPSERT_OUTCOME = """
INSERT INTO app.action_outcomes (org_id, outcome_id, client_id, action, channel, outcome, segment,
  arm, rank, propensity, rules_action, policy_version, settings_version, seed, decided_at,
  occurred_at, recorded_at, recorded_by, note)
VALUES (%s::uuid, %s::uuid, %s::text, %s::smallint, %s::smallint, %s::smallint, %s::text,
  %s::smallint, %s::smallint, %s::float8, %s::smallint, %s::bigint, %s::integer, %s::bigint,
  %s::timestamptz, %s::timestamptz, %s::timestamptz, %s::text, %s::text)
ON CONFLICT (org_id, outcome_id) DO UPDATE SET channel = EXCLUDED.channel,
  outcome = EXCLUDED.outcome, occurred_at = EXCLUDED.occurred_at,
  recorded_at = EXCLUDED.recorded_at, recorded_by = EXCLUDED.recorded_by, note = EXCLUDED.note
"""

# By action, for caps look at channels; and the last rejection of each, for it may rest for long.
_SELECT_CONTACTS = """
SELECT x.action, x.outcome, x.occurred_at
FROM unnest(%(actions)s::smallint[]) AS k (action) CROSS JOIN LATERAL (
  (SELECT action, outcome, occurred_at, outcome_id FROM app.action_outcomes
    WHERE org_id = %(org)s AND client_id = %(client)s AND action = k.action
    ORDER BY occurred_at DESC LIMIT %(kept)s)
  UNION
  (SELECT action, outcome, occurred_at, outcome_id FROM app.action_outcomes
    WHERE org_id = %(org)s AND client_id = %(client)s AND action = k.action
      AND outcome = ANY(%(rejections)s::smallint[])
    ORDER BY occurred_at DESC LIMIT 1)
) AS x ORDER BY x.occurred_at DESC, x.outcome_id DESC
"""

# In the order of the changes: everyone waits for cells in the same one.
_UPSERT_TALLIES = """
INSERT INTO app.action_tallies AS t
  (org_id, day, segment, action, arm, accepted, ignored, succeeded, failed, changed_at)
SELECT %s::uuid, c.day, c.segment, c.action, c.arm, c.accepted, c.ignored, c.succeeded, c.failed,
  now()
FROM unnest(%s::date[], %s::text[], %s::smallint[], %s::smallint[], %s::bigint[], %s::bigint[],
  %s::bigint[], %s::bigint[]) WITH ORDINALITY
  AS c (day, segment, action, arm, accepted, ignored, succeeded, failed, place)
ORDER BY c.place
ON CONFLICT (org_id, day, segment, action, arm) DO UPDATE SET
  accepted = t.accepted + EXCLUDED.accepted, ignored = t.ignored + EXCLUDED.ignored,
  succeeded = t.succeeded + EXCLUDED.succeeded, failed = t.failed + EXCLUDED.failed,
  changed_at = EXCLUDED.changed_at
"""

# The maintenance login finds whose tallies changed; it sees every organisation. The sum of the
# times says that one did also when it was committed after those of later times.
_SELECT_TRACES = """
SELECT org_id, sum(extract(epoch FROM changed_at)) FROM app.action_tallies
WHERE %(seconds)s::float8 IS NULL OR changed_at > now() - %(seconds)s * interval '1 second'
GROUP BY org_id ORDER BY max(changed_at) DESC
"""

_SELECT_TALLIES = """
SELECT segment, action,
  sum((accepted + succeeded) * power(0.5::float8, greatest(0, %(today)s::date - day) / %(half)s)),
  sum((ignored + failed) * power(0.5::float8, greatest(0, %(today)s::date - day) / %(half)s)),
  sum(accepted + ignored + succeeded + failed)::bigint
FROM app.action_tallies WHERE org_id = %(org)s AND day >= %(since)s::date
GROUP BY segment, action ORDER BY segment, action
"""

_SELECT_POLICY = """
SELECT policy_version, outcomes, beliefs, made_at FROM app.action_policies
WHERE org_id = %s ORDER BY policy_version DESC LIMIT 1
"""

_INSERT_POLICY = """
INSERT INTO app.action_policies (org_id, policy_version, outcomes, beliefs, made_at)
VALUES (%s::uuid, %s::bigint, %s::float8, %s::jsonb, %s::timestamptz)
ON CONFLICT (org_id, policy_version) DO NOTHING
"""

_DELETE_REPLACED = """
DELETE FROM app.action_policies WHERE org_id = %s AND policy_version < (
  SELECT max(p.policy_version) FROM app.action_policies p
  WHERE p.org_id = %s AND p.made_at < %s::timestamptz)
"""

_SELECT_SUMS = """
SELECT action, arm, sum(accepted)::bigint, sum(ignored)::bigint, sum(succeeded)::bigint,
  sum(failed)::bigint
FROM app.action_tallies WHERE org_id = %s AND day >= %s::date GROUP BY action, arm
"""

_SELECT_OUTCOMES = """
SELECT coalesce(sum(accepted + ignored + succeeded + failed), 0)::bigint
FROM app.action_tallies WHERE org_id = %s AND day >= %s::date
"""

_SELECT_CLIENTS = """
SELECT count(*) FILTER (WHERE apart), count(*) FROM (
  SELECT bool_or(arm = 4) AS apart FROM app.action_outcomes
  WHERE org_id = %s AND occurred_at >= %s::timestamptz AND arm IN (3, 4) GROUP BY client_id
) AS clients
"""

# Only of what was done as it was recommended: of the others nobody knows how likely they were.
_SELECT_WEIGHED = """
SELECT count(*), count(*) FILTER (WHERE taken), coalesce(sum(weight), 0),
  coalesce(sum(weight * weight), 0), coalesce(sum(weight) FILTER (WHERE taken), 0)
FROM (
  SELECT outcome IN (1, 3) AS taken,
    CASE WHEN action = rules_action THEN 1 / propensity ELSE 0 END AS weight
  FROM app.action_outcomes
  WHERE org_id = %s AND occurred_at >= %s::timestamptz AND arm = 3 AND rank = 1 AND propensity > 0
) AS decisions
"""


class Kept(NamedTuple):
    """What is kept of an outcome beside what was told."""

    outcome_id: UUID
    channel: Channel
    counted: Counted
    recorded_at: datetime
    recorded_by: str


async def select_segment(raw: RawConnection, org_id: UUID, client_id: str) -> str:
    """The segment of a client that there is."""
    row = await (await raw.execute(_SELECT_SEGMENT, (org_id, client_id))).fetchone()
    assert row is not None
    return str(row[0])


async def select_counted(raw: RawConnection, org_id: UUID, outcome_id: UUID) -> Counted | None:
    """As what an outcome is counted that was told of before."""
    row = await (await raw.execute(_SELECT_COUNTED, (org_id, outcome_id))).fetchone()
    if row is None:
        return None
    at, segment, action, arm, outcome = row
    return Counted(at.date(), segment, Action(action), arm, Outcome(outcome))


async def upsert_outcome(raw: RawConnection, org_id: UUID, told: Told, kept: Kept) -> None:
    """Keep what was told, in the place of what was told before of the same."""
    decision, counted = told.decision, kept.counted
    decided: tuple[object, ...] = (None,) * 7
    if decision is not None:
        rank = rank_of(decision, told.action)
        decided = (
            rank,
            decision.recommended[rank - 1].propensity,
            decision.rules_action.value,
            decision.policy_version,
            decision.settings_version,
            decision.seed,
            from_micros(decision.made_at),
        )
    head = (org_id, kept.outcome_id, told.client_id, told.action.value, kept.channel.value)
    body = (told.outcome.value, counted.segment, counted.arm, *decided, from_micros(told.at))
    tail = (kept.recorded_at, kept.recorded_by, told.note)
    await raw.execute(_UPSERT_OUTCOME, (*head, *body, *tail))


async def select_contacts(raw: RawConnection, org_id: UUID, client_id: str) -> list[Contact]:
    """The outcomes of a client that caps and cooldowns may ask for, the newest first."""
    values = {
        "org": org_id,
        "client": client_id,
        "actions": [one.value for one in Action],
        "kept": CONTACTS_KEPT,
        "rejections": [one.value for one in REJECTIONS],
    }
    cursor = await raw.execute(_SELECT_CONTACTS, values)
    return [
        Contact(Action(action), Outcome(outcome), to_micros(at))
        for action, outcome, at in await cursor.fetchall()
    ]


async def upsert_tallies(raw: RawConnection, org_id: UUID, changes: Iterable[Change]) -> None:
    """Count; whoever counts the same waits from here on, so it comes last."""
    if columns := list(map(list, zip(*changes, strict=True))):
        await raw.execute(_UPSERT_TALLIES, (org_id, *columns))


async def select_traces(
    raw: RawConnection, seconds: float | None
) -> Sequence[tuple[UUID, Decimal]]:
    """Whose tallies changed lately, or ever, and what is another number whenever one does."""
    return await (await raw.execute(_SELECT_TRACES, {"seconds": seconds})).fetchall()


async def select_tallies(
    raw: RawConnection, org_id: UUID, *, since: date, today: date, half_life_days: float
) -> list[Tally]:
    """Outcomes by segment and action; each counts half after so many days."""
    values = {"org": org_id, "since": since, "today": today, "half": half_life_days}
    rows = await (await raw.execute(_SELECT_TALLIES, values)).fetchall()
    return [Tally(segment, Action(action), *sums) for segment, action, *sums in rows]


async def select_policy(raw: RawConnection, org_id: UUID) -> Made | None:
    """The newest version; None while there is none."""
    row = await (await raw.execute(_SELECT_POLICY, (org_id,))).fetchone()
    if row is None:
        return None
    version, outcomes, beliefs, made_at = row
    return Made(Policy(version, outcomes, from_beliefs(beliefs)), made_at)


async def insert_policy(raw: RawConnection, org_id: UUID, policy: Policy, now: datetime) -> bool:
    """Keep a version; False when another made it first."""
    kept = orjson.dumps(to_beliefs(policy.beliefs)).decode()
    values = (org_id, policy.version, policy.outcomes, kept, now)
    return (await raw.execute(_INSERT_POLICY, values)).rowcount == 1


async def delete_replaced(raw: RawConnection, org_id: UUID, before: datetime) -> None:
    """Forget versions that others replaced before then."""
    await raw.execute(_DELETE_REPLACED, (org_id, org_id, before))


async def select_sums(raw: RawConnection, org_id: UUID, since: date) -> list[Sum]:
    """Outcomes by action and arm."""
    rows = await (await raw.execute(_SELECT_SUMS, (org_id, since))).fetchall()
    return [Sum(Action(action), arm, Numbers(*sums)) for action, arm, *sums in rows]


async def select_outcomes(raw: RawConnection, org_id: UUID, since: date) -> int:
    """How many outcomes there are."""
    row = await (await raw.execute(_SELECT_OUTCOMES, (org_id, since))).fetchone()
    assert row is not None
    return int(row[0])


async def select_clients(raw: RawConnection, org_id: UUID, since: datetime) -> Clients:
    """Clients with decisions while the ranking learnt, and those of them held out."""
    row = await (await raw.execute(_SELECT_CLIENTS, (org_id, since))).fetchone()
    assert row is not None
    return Clients(*row)


async def select_weighed(raw: RawConnection, org_id: UUID, since: datetime) -> Weighed:
    """Decisions of what was learnt, weighed as those of the rules."""
    row = await (await raw.execute(_SELECT_WEIGHED, (org_id, since))).fetchone()
    assert row is not None
    return Weighed(*row)
