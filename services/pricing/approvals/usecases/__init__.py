"""Asking, deciding, reading and following. One function per RPC."""

from services.pricing.approvals.usecases.deciding import (
    approve_price_change,
    reject_price_change,
    request_changes,
    withdraw_approval,
)
from services.pricing.approvals.usecases.reading import (
    CHANGES,
    get_approval,
    list_approvals,
    watch_approvals,
)
from services.pricing.approvals.usecases.requesting import (
    request_approval,
    revise_approval,
    while_prices_move,
)
from services.pricing.approvals.usecases.weighing import weigh, weigh_revision

__all__ = [
    "CHANGES",
    "approve_price_change",
    "get_approval",
    "list_approvals",
    "reject_price_change",
    "request_approval",
    "request_changes",
    "revise_approval",
    "watch_approvals",
    "weigh",
    "weigh_revision",
    "while_prices_move",
    "withdraw_approval",
]
