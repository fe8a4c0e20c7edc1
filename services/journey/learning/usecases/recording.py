"""Keeping what came of an action: counted for caps, cooldowns and what is learnt."""

from __future__ import annotations

from uuid import UUID

from services.journey.actions.rules.eligibility import rests_until
from services.journey.catalogue.usecases import read_settings
from services.journey.journeys.errors import ClientNotFound
from services.journey.journeys.queries import lock_states, update_contacts
from services.journey.journeys.rules.moments import from_micros
from services.journey.journeys.rules.settings import JourneySettings
from services.journey.journeys.rules.vocabulary import Micros
from services.journey.learning import queries
from services.journey.learning.queries import Kept
from services.journey.learning.rules import outcomes
from services.journey.learning.rules.outcomes import Recorded, Told
from shared import ids
from shared.database import Transaction
from shared.identity.identity import Identity


async def record_action_outcome(
    transaction: Transaction, caller: Identity, told: Told, now: Micros
) -> Recorded:
    """Keep it; what was told before of the same decision and action it replaces.

    Raises InvalidField and ClientNotFound. The client's state is locked first, as by whoever
    changes it, and cells of the tally last and in one order: nobody waits for each other.
    """
    outcomes.check(told, now)
    raw, org_id = transaction.raw, caller.org_id
    if not await lock_states(raw, org_id, [told.client_id]):
        raise ClientNotFound(resource="client")
    settings = await read_settings(raw, org_id)
    segment = await queries.select_segment(raw, org_id, told.client_id)
    kept = _kept(told, segment, settings, caller.actor, now)
    before = await queries.select_counted(raw, org_id, kept.outcome_id)
    await queries.upsert_outcome(raw, org_id, told, kept)
    contacts = await queries.select_contacts(raw, org_id, told.client_id)
    await update_contacts(raw, org_id, told.client_id, contacts)
    changes = outcomes.changes(before, kept.counted)
    await queries.upsert_tallies(raw, org_id, changes)
    until = rests_until(told.action, contacts, settings.cooldown_days, now)
    return Recorded(kept.outcome_id, until, before is not None)


def _kept(told: Told, segment: str, settings: JourneySettings, actor: str, now: Micros) -> Kept:
    decision = told.decision
    return Kept(
        UUID(bytes=ids.uuid7(now // 1000))
        if decision is None
        else outcomes.outcome_id(decision, told.action),
        settings.actions[told.action].channel,
        outcomes.counted(told, segment),
        from_micros(now),
        actor,
    )
