"""Beliefs as the JSON that is kept of a policy, one place for each action of each segment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.journey.journeys.rules.vocabulary import Action
from services.journey.learning.rules.policy import Beliefs, Counts


def to_beliefs(beliefs: Beliefs) -> dict[str, Any]:
    """What is kept; None, all clients together, as the empty segment: theirs is no other belief."""
    return {
        segment or "": {str(action.value): list(counts) for action, counts in actions.items()}
        for segment, actions in beliefs.items()
    }


def from_beliefs(kept: Mapping[str, Mapping[str, tuple[float, float]]]) -> Beliefs:
    """The beliefs that were kept."""
    return {
        segment or None: {
            Action(int(action)): Counts(*counts) for action, counts in actions.items()
        }
        for segment, actions in kept.items()
    }
