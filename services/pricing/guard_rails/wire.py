"""Guard-rails between the wire and values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from google.protobuf.message import Message

from footfall.pricing.v1 import evidence_pb2 as pb
from services.pricing.amounts import from_money, to_money
from services.pricing.guard_rails.rules.editions import Change, Edition
from services.pricing.guard_rails.rules.settings import NUMBERS
from shared.errors import InvalidField


def to_settings(edition: Edition, org_id: UUID) -> pb.PricingSettings:
    """The settings as they are shown, every one filled in."""
    known = edition.settings
    shown = pb.PricingSettings(
        version=edition.version,
        etag=edition.etag(org_id),
        changed_by=edition.changed_by,
        **{name: getattr(known, name) for name in NUMBERS},
    )
    if edition.changed_at is not None:
        shown.changed_at.FromDatetime(edition.changed_at)
    if known.rounding_minor is not None:
        shown.rounding.CopyFrom(to_money(known.rounding_minor, known.rounding_currency))
    return shown


def from_settings(sent: pb.PricingSettings) -> Change:
    """What is to change: what is there. Raises InvalidField."""
    values = _present(sent, NUMBERS)
    if sent.HasField("rounding"):
        rounding = from_money(sent.rounding, "settings.rounding")
        if not rounding.minor:
            raise InvalidField.of("settings.rounding", "must be more than nothing")
        values |= {"rounding_minor": rounding.minor, "rounding_currency": rounding.currency}
    return Change(
        values=values,
        etag=sent.etag,
        version=sent.version,
        changed_by=sent.changed_by,
        changed_at=_changed_at(sent),
    )


def _present(sent: Message, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(sent, name) for name in names if sent.HasField(name)}


def _changed_at(sent: pb.PricingSettings) -> datetime | None:
    if not sent.HasField("changed_at"):
        return None
    try:
        return sent.changed_at.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise InvalidField.of("settings.changed_at", "must be empty, or as it was read") from None
