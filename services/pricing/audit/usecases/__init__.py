"""Listing entries, checking a log, and writing down where logs end."""

from services.pricing.audit.usecases.anchoring import Anchoring
from services.pricing.audit.usecases.listing import (
    has_organisation,
    list_audit_entries,
    list_logs,
)
from services.pricing.audit.usecases.verifying import verify_audit_log

__all__ = [
    "Anchoring",
    "has_organisation",
    "list_audit_entries",
    "list_logs",
    "verify_audit_log",
]
