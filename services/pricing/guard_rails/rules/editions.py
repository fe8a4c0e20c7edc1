"""Versions of the guard-rails, and what a change makes of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.pricing.guard_rails.errors import SetByTheServer, SettingsContradict, SettingsStale
from services.pricing.guard_rails.rules.settings import (
    PricingSettings,
    contradictions,
    from_json,
    to_json,
)
from shared.errors import InvalidField


@dataclass(frozen=True, slots=True)
class Edition:
    """One version of an organisation's guard-rails, and who made it when."""

    settings: PricingSettings = field(default_factory=PricingSettings)
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
        version = f"{org_id}/pricing_settings/{self.version}"
        return hashlib.blake2b(version.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Change:
    """What is to change, with what the server set."""

    values: Mapping[str, Any] = field(default_factory=dict)
    etag: str = ""
    version: int = 0
    changed_by: str = ""
    changed_at: datetime | None = None


def change(known: Edition, wanted: Change, org_id: UUID, actor: str, now: datetime) -> Edition:
    """The next version. Raises InvalidField, SettingsStale, SetByTheServer, SettingsContradict."""
    if not wanted.etag:
        raise InvalidField.of("settings.etag", "must be that of the version that was read")
    if wanted.etag != known.etag(org_id):
        raise SettingsStale
    others = {
        "version": wanted.version not in (0, known.version),
        "changed_by": wanted.changed_by not in ("", known.changed_by),
        "changed_at": wanted.changed_at not in (None, known.changed_at),
    }
    if any(others.values()):
        raise SetByTheServer.among(name for name, other in others.items() if other)
    settings = replace(known.settings, version=known.version + 1, **wanted.values)
    if violations := list(contradictions(settings, wanted.values)):
        raise SettingsContradict(violations=violations)
    return Edition(settings, actor, now.astimezone(UTC))


def differences(before: Edition, after: Edition) -> dict[str, list[Any]]:
    """What an audit wants to know: by name, what it was and what it is."""
    then, now = to_json(before.settings), to_json(after.settings)
    return {name: [then[name], now[name]] for name in now if then[name] != now[name]}
