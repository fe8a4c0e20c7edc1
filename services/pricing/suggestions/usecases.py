"""What is done with suggestions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import uuid4

from services.pricing.evidence.rules.posterior import Thin, rebased
from services.pricing.evidence.usecases import believe
from services.pricing.guard_rails.rules.ground import Ground
from services.pricing.guard_rails.rules.settings import PricingSettings
from services.pricing.guard_rails.usecases import read_ground, read_settings
from services.pricing.parts import Parts
from services.pricing.suggestions import queries
from services.pricing.suggestions.rules.choosing import NoChoice, allowed_prices, choose, room
from services.pricing.suggestions.rules.risks import Circumstances, named_risks
from services.pricing.suggestions.rules.suggestions import (
    Asked,
    Kept,
    NoSuggestion,
    Suggestion,
)
from services.pricing.tiers.errors import TierNotFound
from services.pricing.tiers.queries import select_tier
from services.pricing.tiers.rules import Tier
from shared.database import Transaction
from shared.identity.identity import Identity
from shared.schema import audit


class _Known(NamedTuple):
    """What was read for a suggestion."""

    tier: Tier
    settings: PricingSettings
    ground: Ground
    change_pending: bool


async def suggest_price(parts: Parts, caller: Identity, asked: Asked) -> Suggestion | NoSuggestion:
    """Look for a price; nothing is written. Raises TierNotFound."""
    now = datetime.now(UTC)
    known = await _read(parts, caller, asked.tier_id, now)
    believed = await believe(parts, caller.org_id, asked.tier_id, now)
    belief = rebased(believed, known.tier.amount_minor)
    if isinstance(belief, Thin):
        return NoSuggestion(belief.reasons, insufficient_data=True, as_of=belief.as_of)
    allowed = allowed_prices(known.settings, known.ground, belief)
    if nothing := room(allowed, belief.price_minor):
        return NoSuggestion((nothing.told,), nothing.uncertain, belief.as_of)
    goal = asked.goal(known.ground.cost_to_serve_minor, known.settings.min_confidence)
    choice = await parts.statistics.run(caller.org_id, choose, belief, allowed, goal)
    if isinstance(choice, NoChoice):
        return NoSuggestion((choice.told,), choice.uncertain, belief.as_of)
    around = Circumstances(known.ground, known.change_pending)
    return Suggestion(
        suggestion_id=uuid4(),
        belief=belief,
        ground=known.ground,
        goal=goal,
        choice=choice,
        risks=tuple(named_risks(belief, choice, around)),
        settings_version=known.settings.version,
        made_at=now,
    )


async def keep_suggestion(
    transaction: Transaction,
    caller: Identity,
    made: Suggestion | NoSuggestion,
    shown: dict[str, Any],
) -> None:
    """Keep a suggestion, if there is one, as it is shown: an approval can freeze it."""
    if isinstance(made, NoSuggestion):
        return
    raw, org_id = transaction.raw, caller.org_id
    kept = Kept(made.suggestion_id, made.belief.tier_id, shown, made.made_at, caller.actor)
    await queries.insert_suggestion(raw, org_id, kept)
    await audit.append(
        raw,
        org_id,
        actor=caller.actor,
        actor_role=caller.role.value,
        action="suggestion.make",
        target=str(made.suggestion_id),
        details=made.told(),
    )


async def _read(parts: Parts, caller: Identity, tier_id: str, now: datetime) -> _Known:
    org_id = caller.org_id
    async with parts.database.raw_transaction(caller.tenant) as raw:
        if (tier := await select_tier(raw, org_id, tier_id)) is None:
            raise TierNotFound(resource="tier")
        return _Known(
            tier,
            await read_settings(raw, org_id),
            await read_ground(raw, org_id, tier, now),
            await queries.select_change_pending(raw, org_id, tier_id),
        )
