"""Events of money and their kinds, as `footfall.events.v1.RevenueKind` numbers them.

A test holds them against the contract, which rules do not know.
"""

from __future__ import annotations

REVENUE = 23
"""The type of the events of money, as event-ingest numbers them."""

SOLD = (0, 1, 2, 3, 4)
"""Not said, purchase, subscription, renewal, expansion: what is demand."""

RENEWED = (3, 4)
"""Of them renewal and expansion: subscriptions that go on, maybe at an older price."""

WITHOUT_MONEY = (5, 6)
"""Contraction and cancellation: less will be earned, and nothing was given back."""

REFUND = 7
"""Money given back."""
