"""Versions of the settings, and what a change makes of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.journey.catalogue.errors import SetByTheServer, SettingsContradict, SettingsStale
from services.journey.catalogue.rules.contradictions import contradictions
from services.journey.catalogue.rules.stored import from_json, to_json
from services.journey.journeys.rules.settings import (
    ActionRule,
    Cap,
    JourneySettings,
    LevelRule,
    QuietHours,
    RiskRule,
    StageRule,
)
from services.journey.journeys.rules.vocabulary import Action, Risk, RiskLevel, Stage


@dataclass(frozen=True, slots=True)
class Edition:
    """One version of an organisation's settings, and who made it when."""

    settings: JourneySettings = field(default_factory=JourneySettings)
    changed_by: str = ""
    changed_at: datetime | None = None

    @classmethod
    def of(
        cls, version: int, kept: Mapping[str, Any], changed_by: str, changed_at: datetime
    ) -> Edition:
        """What was stored."""
        return cls(from_json(kept, version), changed_by, changed_at)

    @property
    def version(self) -> int:
        """0 are the defaults."""
        return self.settings.version

    def etag(self, org_id: UUID) -> str:
        """Changes with every version, and fits no other organisation's settings."""
        version = f"{org_id}/journey_settings/{self.version}"
        return hashlib.blake2b(version.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Change:
    """What is to change, in the order in which it was sent, with what the server set."""

    stages: Mapping[Stage, StageRule] = field(default_factory=dict)
    risks: Mapping[Risk, RiskRule] = field(default_factory=dict)
    actions: Mapping[Action, ActionRule] = field(default_factory=dict)
    levels: Mapping[RiskLevel, LevelRule] = field(default_factory=dict)
    thresholds: Mapping[str, int] = field(default_factory=dict)
    caps: tuple[Cap, ...] | None = None
    """All of them; None leaves them as they were."""
    quiet_hours: QuietHours | None = None
    learning: Mapping[str, Any] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)
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
    settings = apply(known.settings, wanted)
    return Edition(settings, actor, now.astimezone(UTC))


def apply(known: JourneySettings, wanted: Change) -> JourneySettings:
    """The next settings. Raises SettingsContradict."""
    settings = replace(
        known,
        version=known.version + 1,
        stages={**known.stages, **wanted.stages},
        risks={**known.risks, **wanted.risks},
        actions={**known.actions, **wanted.actions},
        levels={**known.levels, **wanted.levels},
        thresholds=replace(known.thresholds, **wanted.thresholds),
        caps=known.caps if wanted.caps is None else wanted.caps,
        quiet_hours=wanted.quiet_hours or known.quiet_hours,
        learning=replace(known.learning, **wanted.learning),
        **wanted.numbers,
    )
    if violations := contradictions(settings, list(wanted.levels), list(wanted.actions)):
        raise SettingsContradict(violations=violations)
    return settings


def differences(before: Edition, after: Edition) -> dict[str, list[Any]]:
    """What an audit wants to know: by path, what it was and what it is."""
    then, now = _flat(to_json(before.settings)), _flat(to_json(after.settings))
    return {path: [then[path], now[path]] for path in now if then[path] != now[path]}


def _flat(kept: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in kept.items():
        path = f"{prefix}{name}"
        flat |= _flat(value, f"{path}.") if isinstance(value, Mapping) else {path: value}
    return flat
