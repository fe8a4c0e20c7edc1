"""How amounts and moments are written down as JSON, for the audit log and the world outside."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from shared.money import from_minor


def money(minor: int, currency: str) -> dict[str, Any]:
    """`google.type.Money` in names of the proto."""
    units, nanos = from_minor(minor, currency)
    return {"currency_code": currency, "units": str(units), "nanos": nanos}


def moment(at: datetime) -> str:
    """A time in UTC."""
    return at.astimezone(UTC).isoformat()
