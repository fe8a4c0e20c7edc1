"""What people make of insights: taken on, done with, of no use. Audited."""

from __future__ import annotations

from datetime import UTC, datetime

from services.insight.insights import queries
from services.insight.insights.errors import InsightNotFound
from services.insight.insights.rules import life
from services.insight.insights.rules.life import Decision, Insight, State
from shared.database import Transaction
from shared.identity.identity import Identity
from shared.schema import audit


async def acknowledge_insight(
    transaction: Transaction, caller: Identity, decision: Decision
) -> Insight:
    """Somebody has taken it on. Raises InsightNotFound, InsightStale, InsightClosed."""
    return await _decide(transaction, caller, decision, State.ACKNOWLEDGED)


async def resolve_insight(
    transaction: Transaction, caller: Identity, decision: Decision
) -> Insight:
    """It is done with. Raises like `acknowledge_insight`."""
    return await _decide(transaction, caller, decision, State.RESOLVED)


async def dismiss_insight(
    transaction: Transaction, caller: Identity, decision: Decision
) -> Insight:
    """It is of no use. Raises like `acknowledge_insight`."""
    return await _decide(transaction, caller, decision, State.DISMISSED)


async def _decide(
    transaction: Transaction, caller: Identity, decision: Decision, state: State
) -> Insight:
    connection, org_id = transaction.connection, caller.org_id
    known = await queries.select_insight(connection, org_id, decision.insight_id, lock=True)
    if known is None:
        raise InsightNotFound(resource="insight")
    after = life.decide(known, state, decision, caller.actor, datetime.now(UTC))
    await queries.update_state(connection, org_id, after)
    await queries.insert_change(connection, org_id, [decision.insight_id])
    await audit.append(
        transaction.raw,
        org_id,
        actor=caller.actor,
        actor_role=caller.role.value,
        action=f"insight.{_ACTS[state]}",
        target=str(decision.insight_id),
        details={
            "insight_type": known.finding.insight_type.name.lower(),
            "from": known.state.name.lower(),
            "note": decision.note,
        },
    )
    return after


_ACTS = {
    State.ACKNOWLEDGED: "acknowledge",
    State.RESOLVED: "resolve",
    State.DISMISSED: "dismiss",
}
