"""Keeping what came of actions, learning from it, and telling how well that goes."""

from services.journey.learning.usecases.learning import Learner
from services.journey.learning.usecases.recording import record_action_outcome
from services.journey.learning.usecases.reporting import get_action_report

__all__ = ["Learner", "get_action_report", "record_action_outcome"]
