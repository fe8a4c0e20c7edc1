"""What demand says of prices. Answers are kept for some minutes, for all who ask meanwhile."""

from services.pricing.evidence.usecases.believing import believe, evidence_for
from services.pricing.evidence.usecases.estimating import estimate_elasticity, predict_demand

__all__ = ["believe", "estimate_elasticity", "evidence_for", "predict_demand"]
