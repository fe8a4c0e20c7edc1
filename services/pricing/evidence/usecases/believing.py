"""What is believed of a tier, and what of it is frozen into a request for approval."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from services.pricing.evidence.rules.evidence import evidence
from services.pricing.evidence.rules.posterior import Belief, Thin, rebased
from services.pricing.evidence.rules.questions import Asked
from services.pricing.evidence.usecases.learning import learn
from services.pricing.parts import Parts
from services.pricing.tiers.errors import TierNotFound


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
    known = await learn(parts, Asked(org_id), now)
    if (learnt := known.tiers.get(tier_id)) is None:
        parts.evidence.forget(Asked(org_id))  # the tier may be newer than what is known
        known = await learn(parts, Asked(org_id), now)
        if (learnt := known.tiers.get(tier_id)) is None:
            raise TierNotFound(resource="tier")
    return learnt.believed


async def evidence_for(
    parts: Parts, org_id: UUID, tier: Priced, proposed_minor: int, now: datetime
) -> dict[str, Any]:
    """JSON of `footfall.pricing.v1.Evidence` about a price that is proposed for a tier.

    Call it outside of a transaction. Raises TierNotFound and Overloaded.
    """
    believed = await believe(parts, org_id, tier.tier_id, now)
    known = await learn(parts, Asked(org_id), now)
    return evidence(
        rebased(believed, tier.amount_minor),
        subscribers=known.subscribers.get(tier.tier_id, 0),
        revenue_minor=known.revenue_minor.get(tier.tier_id, 0),
        currency=tier.currency,
        current_minor=tier.amount_minor,
        proposed_minor=proposed_minor,
    )
