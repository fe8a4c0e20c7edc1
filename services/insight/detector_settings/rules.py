"""Versions of the thresholds, and what a change makes of them. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.insight.detection.rules import settings as thresholds
from services.insight.detection.rules.settings import COUNTS, RATIOS, WEIGHTS, DetectorSettings
from services.insight.detector_settings.errors import (
    SetByTheServer,
    SettingsContradict,
    SettingsStale,
)

__all__ = ["COUNTS", "RATIOS", "WEIGHTS", "Change", "Edition", "apply", "change", "differences"]


@dataclass(frozen=True, slots=True)
class Edition:
    """One version of an organisation's thresholds, and who made it when."""

    settings: DetectorSettings = field(default_factory=DetectorSettings)
    changed_by: str = ""
    changed_at: datetime | None = None

    @classmethod
    def of(
        cls, version: int, numbers: Mapping[str, Any], changed_by: str, changed_at: datetime
    ) -> Edition:
        """What was stored; a threshold that is newer than the row has its default."""
        weights, others = numbers["weights"], {**numbers}
        del others["weights"]
        settings = thresholds.change(DetectorSettings(), others, weights, version=version)
        return cls(settings, changed_by, changed_at)

    @property
    def version(self) -> int:
        """0 are the defaults."""
        return self.settings.version

    @property
    def numbers(self) -> dict[str, Any]:
        """All thresholds by their names, as they are stored."""
        ratios = {name: float(getattr(self.settings, name)) for name in RATIOS}
        counts = {name: getattr(self.settings, name) for name in COUNTS}
        return {**ratios, **counts, "weights": asdict(self.settings.weights)}

    def etag(self, org_id: UUID) -> str:
        """Changes with every version, and fits no other organisation's settings."""
        version = f"{org_id}/detector_settings/{self.version}"
        return hashlib.blake2b(version.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Change:
    """What is to change, with what the caller sent back of what the server sets."""

    thresholds: Mapping[str, float]
    weights: Mapping[str, float]
    etag: str = ""
    version: int = 0
    changed_by: str = ""
    changed_at: datetime | None = None


def change(known: Edition, wanted: Change, org_id: UUID, actor: str, now: datetime) -> Edition:
    """The next version. Raises SettingsStale, SetByTheServer, SettingsContradict."""
    if wanted.etag and wanted.etag != known.etag(org_id):
        raise SettingsStale
    others = {
        "version": wanted.version not in (0, known.version),
        "changed_by": wanted.changed_by not in ("", known.changed_by),
        "changed_at": wanted.changed_at not in (None, known.changed_at),
    }
    if any(others.values()):
        raise SetByTheServer.among(name for name, other in others.items() if other)
    settings = apply(known.settings, wanted, version=known.version + 1)
    return Edition(settings, actor, now.astimezone(UTC))


def apply(settings: DetectorSettings, wanted: Change, *, version: int) -> DetectorSettings:
    """The settings with what is wanted. Raises SettingsContradict."""
    changed = thresholds.change(settings, wanted.thresholds, wanted.weights, version=version)
    if violations := thresholds.check(changed):
        raise SettingsContradict(violations=violations)
    return changed


def differences(before: Edition, after: Edition) -> dict[str, list[float]]:
    """What an audit wants to know: by name, what it was and what it is."""
    then, now = _flat(before.numbers), _flat(after.numbers)
    return {name: [then[name], now[name]] for name in now if then[name] != now[name]}


def _flat(numbers: Mapping[str, Any]) -> dict[str, float]:
    weights = {f"weights.{name}": weight for name, weight in numbers["weights"].items()}
    return {**{name: one for name, one in numbers.items() if name != "weights"}, **weights}
