"""Settings as the JSON that is kept of a version, in names that people can read in the audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from enum import IntEnum
from typing import Any, TypeVar

from services.journey.journeys.rules.settings import (
    ActionRule,
    Cap,
    JourneySettings,
    Learning,
    LevelRule,
    QuietHours,
    RiskRule,
    StageRule,
    Thresholds,
)
from services.journey.journeys.rules.vocabulary import Action, Channel, Priority

Key = TypeVar("Key", bound=IntEnum)
Rule = TypeVar("Rule", StageRule, RiskRule, ActionRule, LevelRule)

NUMBERS = ("cooldown_days", "expiry_minutes", "signals_fresh_hours")

_ENUMS: Mapping[str, type[IntEnum]] = {
    "action": Action,
    "actions": Action,
    "channel": Channel,
    "priority": Priority,
}
"""Fields that hold words."""


def to_json(settings: JourneySettings) -> dict[str, Any]:
    """All but the version, which is the row's."""
    kept: dict[str, Any] = _plain(asdict(settings))
    del kept["version"]
    return kept


def from_json(kept: Mapping[str, Any], version: int) -> JourneySettings:
    """The settings of a row; what is newer than the row has its default."""
    known = JourneySettings(version=version)
    return replace(
        known,
        stages=_rules(known.stages, kept.get("stages", {})),
        risks=_rules(known.risks, kept.get("risks", {})),
        actions=_rules(known.actions, kept.get("actions", {})),
        levels=_rules(known.levels, kept.get("levels", {})),
        thresholds=Thresholds(**kept.get("thresholds", {})),
        caps=tuple(Cap(**_values(cap)) for cap in kept.get("caps", ())),
        quiet_hours=QuietHours(**kept.get("quiet_hours", {})),
        learning=Learning(**kept.get("learning", {})),
        **{name: kept[name] for name in NUMBERS if name in kept},
    )


def _rules(known: Mapping[Key, Rule], kept: Mapping[str, Mapping[str, Any]]) -> dict[Key, Rule]:
    return {key: replace(rule, **_values(kept.get(_word(key), {}))) for key, rule in known.items()}


def _values(kept: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in kept.items()}


def _value(name: str, value: Any) -> Any:
    if name not in _ENUMS or value is None:
        return value
    words = _ENUMS[name]
    if isinstance(value, str):
        return words[value.upper()]
    return tuple(words[one.upper()] for one in value)


def _plain(value: Any) -> Any:
    match value:
        case IntEnum():
            return _word(value)
        case Mapping():
            return {_plain(key): _plain(one) for key, one in value.items()}
        case tuple():
            return [_plain(one) for one in value]
        case _:
            return value


def _word(value: IntEnum) -> str:
    return value.name.lower()
