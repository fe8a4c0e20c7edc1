"""What can be wrong with a change of the guard-rails."""

from __future__ import annotations

from collections.abc import Iterable

from shared.errors import InvalidField, NotFound, StaleEtag, Violation


class SettingsVersionNotFound(NotFound):
    """There is no such version of the settings."""


class SettingsStale(StaleEtag):
    """The settings were changed since they were read: read again, merge, retry."""


class SetByTheServer(InvalidField):
    """Some fields are set by the server alone."""

    @classmethod
    def among(cls, names: Iterable[str]) -> SetByTheServer:
        """Names the fields of the settings."""
        told = "OUTPUT_ONLY_FIELD: set by the server; leave it empty, or as it was read"
        return cls(violations=[Violation(f"settings.{name}", told) for name in names])


class SettingsContradict(InvalidField):
    """The settings contradict each other."""
