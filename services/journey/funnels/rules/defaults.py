"""How clients move while nothing is known of an organisation: a guess of ours, not measured.

It counts as much as ten visits do, so that it matters to a new organisation alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.journey.journeys.rules.vocabulary import Stage

STRENGTH = 10.0
"""How many visits the prior counts as."""

_PERCENT = {
    Stage.LEAD: (0, 55, 10, 5, 2, 2, 3, 3, 20),
    Stage.QUALIFIED_LEAD: (5, 0, 60, 10, 2, 2, 2, 2, 17),
    Stage.ONBOARDING: (1, 2, 0, 70, 6, 4, 4, 1, 12),
    Stage.ACTIVE_PROJECT: (1, 1, 3, 0, 50, 22, 8, 3, 12),
    Stage.AWAITING_FEEDBACK: (1, 1, 1, 30, 0, 40, 12, 3, 12),
    Stage.BILLING: (1, 1, 2, 20, 5, 0, 50, 8, 13),
    Stage.RETENTION: (1, 1, 2, 20, 3, 15, 0, 35, 23),
    Stage.UPSELL_CANDIDATE: (1, 2, 4, 35, 3, 20, 25, 0, 10),
    Stage.CHURN_RISK: (8, 6, 6, 20, 4, 8, 40, 8, 0),
}
"""Of 100 visits to a stage, how many are followed by each stage, in the order of stages."""

PRIOR_MOVES: Mapping[Stage, Mapping[Stage, float]] = {
    stage: {
        after: percent / 100
        for after, percent in zip(Stage, row, strict=True)
        if after is not stage
    }
    for stage, row in _PERCENT.items()
}
"""With what probability each stage follows. None is impossible, as any stage may follow any."""

PRIOR_DAYS: Mapping[Stage, float] = {
    Stage.LEAD: 21,
    Stage.QUALIFIED_LEAD: 21,
    Stage.ONBOARDING: 21,
    Stage.ACTIVE_PROJECT: 60,
    Stage.AWAITING_FEEDBACK: 10,
    Stage.BILLING: 21,
    Stage.RETENTION: 180,
    Stage.UPSELL_CANDIDATE: 45,
    Stage.CHURN_RISK: 30,
}
"""How long a visit lasts on average."""
