"""Thresholds between the wire and values."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from google.protobuf.message import Message

from footfall.insights.v1 import settings_pb2 as pb
from services.insight.detector_settings.rules import COUNTS, RATIOS, WEIGHTS, Change, Edition
from shared.errors import InvalidField


def to_settings(edition: Edition, org_id: UUID) -> pb.DetectorSettings:
    """The thresholds as they are shown, every one filled in."""
    numbers = edition.numbers
    weights = pb.DetectorWeights(**numbers.pop("weights"))
    shown = pb.DetectorSettings(
        version=edition.version,
        etag=edition.etag(org_id),
        changed_by=edition.changed_by,
        weights=weights,
        **numbers,
    )
    if edition.changed_at is not None:
        shown.changed_at.FromDatetime(edition.changed_at)
    return shown


def from_settings(sent: pb.DetectorSettings) -> Change:
    """What is to change: what is there. Raises InvalidField."""
    return Change(
        thresholds=_present(sent, (*RATIOS, *COUNTS)),
        weights=_present(sent.weights, WEIGHTS),
        etag=sent.etag,
        version=sent.version,
        changed_by=sent.changed_by,
        changed_at=_changed_at(sent),
    )


def _present(sent: Message, names: tuple[str, ...]) -> dict[str, float]:
    return {name: getattr(sent, name) for name in names if sent.HasField(name)}


def _changed_at(sent: pb.DetectorSettings) -> datetime | None:
    if not sent.HasField("changed_at"):
        return None
    try:
        return sent.changed_at.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise InvalidField.of("settings.changed_at", "must be empty, or as it was read") from None
