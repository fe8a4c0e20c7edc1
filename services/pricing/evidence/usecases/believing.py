"""What is believed of a tier, and what of it is frozen into a request for approval."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from services.pricing.evidence.rules.evidence import evidence, untold
from services.pricing.evidence.rules.posterior import Belief, Thin, rebased
from services.pricing.evidence.rules.questions import Asked, Known
from services.pricing.evidence.usecases.learning import learn
from services.pricing.parts import Parts
from services.pricing.tiers.errors import TierNotFound
from shared.computing.pool import ComputeAway, ComputingFailed

_LOG = logging.getLogger("footfall.pricing.evidence")
_PATIENCE_SECONDS = 5.0
"""An organisation of many tiers takes longer; what is made meanwhile is there for who asks next."""


class Priced(Protocol):
    """A tier with its price in force."""

    @property
    def tier_id(self) -> str:
        """Its id."""

    @property
    def amount_minor(self) -> int:
        """Its price in force."""

    @property
    def currency(self) -> str:
        """Of all its prices."""


async def believe(parts: Parts, org_id: UUID, tier_id: str, now: datetime) -> Belief | Thin:
    """What is believed of a tier, or why the data cannot tell.

    Call it outside of a transaction. Raises TierNotFound and Overloaded.
    """
    return (await _known_with(parts, org_id, tier_id, now)).tiers[tier_id].believed


async def _known_with(parts: Parts, org_id: UUID, tier_id: str, now: datetime) -> Known:
    """What is known of the organisation, this tier among it."""
    known = await learn(parts, Asked(org_id), now)
    if tier_id not in known.tiers:
        parts.evidence.forget(Asked(org_id))  # the tier may be newer than what is known
        known = await learn(parts, Asked(org_id), now)
        if tier_id not in known.tiers:
            raise TierNotFound(resource="tier")
    return known


async def evidence_for(
    parts: Parts, org_id: UUID, tier: Priced, proposed_minor: int, now: datetime
) -> dict[str, Any]:
    """JSON of `footfall.pricing.v1.Evidence` about a price that is proposed for a tier.

    Whoever asks people for a price can do without statistics: where they are not available, or not
    soon, the evidence says so. Call it outside of a transaction. Raises TierNotFound.
    """
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            known = await _known_with(parts, org_id, tier.tier_id, now)
    except (ComputeAway, ComputingFailed, TimeoutError):
        _LOG.warning("evidence without statistics", exc_info=True)
        return untold(now, current_minor=tier.amount_minor, proposed_minor=proposed_minor)
    return evidence(
        rebased(known.tiers[tier.tier_id].believed, tier.amount_minor),
        subscribers=known.subscribers.get(tier.tier_id, 0),
        revenue_minor=known.revenue_minor.get(tier.tier_id, 0),
        currency=tier.currency,
        current_minor=tier.amount_minor,
        proposed_minor=proposed_minor,
    )
