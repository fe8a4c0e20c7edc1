"""The SQL of price changes: read, moved by the functions of the guard, found by the worker."""

from services.pricing.changes.queries.changes import (
    insert_notice,
    select_notice,
    select_payers,
    select_price_change,
    select_price_changes,
    select_uncounted,
    update_cancelled,
)

__all__ = [
    "insert_notice",
    "select_notice",
    "select_payers",
    "select_price_change",
    "select_price_changes",
    "select_uncounted",
    "update_cancelled",
]
