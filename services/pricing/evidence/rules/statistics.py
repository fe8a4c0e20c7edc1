"""The doors to the statistics: what a child process is sent to compute.

Importing this costs nothing: the libraries come with the first piece, in the child alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.pricing.evidence.rules.fitted import Fitted, Own
from services.pricing.evidence.rules.posterior import Belief, Foretold, Learnt
from services.pricing.evidence.rules.series import Observed

WARM = ("services.pricing.evidence.rules.believing",)
"""What a child imports before it is asked."""


def fit(observed: Observed) -> list[Fitted]:
    """What each tier's own days say."""
    from services.pricing.evidence.rules import believing

    return believing.fit(observed)


def believe(
    some: Sequence[Fitted], owns: Sequence[Own | None], seed: int, as_of: datetime
) -> dict[str, Learnt]:
    """What is known of some tiers, given what all of them said of themselves."""
    from services.pricing.evidence.rules import believing

    return believing.believe(some, owns, seed, as_of)


def foretell(belief: Belief, price_minor: int, days: int, cost_minor: int) -> Foretold:
    """What a price sells in so many days."""
    from services.pricing.evidence.rules import believing

    return believing.foretell(belief, price_minor, days, cost_minor)
