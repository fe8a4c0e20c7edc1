"""What is known of a price that somebody wants to change, and what there is to think of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from services.pricing.approvals.rules.approval import Risk
from services.pricing.guard_rails.rules.ground import Ground as Rails
from services.pricing.guard_rails.rules.risks import outside
from services.pricing.guard_rails.rules.settings import PricingSettings


@dataclass(frozen=True, slots=True)
class Ground:
    """A tier with its price in force, what the guard-rails see of it, and what else is asked."""

    tier_id: str
    version: int
    rails: Rails
    settings: PricingSettings
    subscribers: int
    others_open: bool
    change_scheduled: bool

    @property
    def amount_minor(self) -> int:
        """The price in force."""
        return self.rails.current_minor

    @property
    def currency(self) -> str:
        """Of all its amounts."""
        return self.rails.currency


@dataclass(frozen=True, slots=True)
class Weighed:
    """What is frozen with a request, and for which price in force that holds."""

    base_version: int
    evidence: Mapping[str, Any]
    risks: Sequence[Risk]


class Asked(NamedTuple):
    """What is frozen, and for whom it is asked."""

    weighed: Weighed
    actor: str


def risks_of(ground: Ground, proposed_minor: int) -> list[Risk]:
    """What speaks for itself, whatever the data say."""
    raises = proposed_minor > ground.amount_minor
    outside_rails = outside(ground.settings, ground.rails, proposed_minor)
    found = {
        _UNTOLD: raises and ground.subscribers > 0,
        _OTHERS_OPEN: ground.others_open,
        _SCHEDULED: ground.change_scheduled,
    }
    return [
        *(Risk(one.name, one.description) for one in outside_rails),
        *(risk for risk, there in found.items() if there),
    ]


_UNTOLD = Risk(
    "subscribers_not_told",
    "Subscribers pay more only 720 hours after each of them was told; nobody has told them yet.",
)
_OTHERS_OPEN = Risk(
    "other_requests_open",
    "Others ask for another price of this tier; what is applied first makes the rest stale.",
)
_SCHEDULED = Risk(
    "change_scheduled",
    "An approved change of this tier waits for its time; once it applies, this one is stale.",
)
