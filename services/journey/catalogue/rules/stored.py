"""Settings as the JSON that is kept of a version, by names that people can read in the audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from enum import IntEnum
from typing import Any

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
from services.journey.journeys.rules.vocabulary import (
    Action,
    Channel,
    Priority,
    Risk,
    RiskLevel,
    Stage,
)

NUMBERS = ("cooldown_days", "expiry_minutes", "signals_fresh_hours")

_ENUMS: Mapping[str, type[IntEnum]] = {"action": Action, "channel": Channel, "priority": Priority}
"""Fields of rules whose values are names."""


def to_json(settings: JourneySettings) -> dict[str, Any]:
    """All but the version."""
    kept: dict[str, Any] = _named(asdict(settings))
    del kept["version"]
    return kept


def from_json(kept: Mapping[str, Any], version: int) -> JourneySettings:
    """The settings of a row; what is newer than the row has its default."""
    known = JourneySettings(version=version)
    stages, risks = kept.get("stages", {}), kept.get("risks", {})
    actions, levels = kept.get("actions", {}), kept.get("levels", {})
    return replace(
        known,
        stages={one: _stage(rule, stages.get(_name(one), {})) for one, rule in known.stages.items()},
        risks={one: _risk(rule, risks.get(_name(one), {})) for one, rule in known.risks.items()},
        actions={
            one: _action(rule, actions.get(_name(one), {})) for one, rule in known.actions.items()
        },
        levels={
            one: _level(rule, levels.get(_name(one), {})) for one, rule in known.levels.items()
        },
        thresholds=Thresholds(**kept.get("thresholds", {})),
        caps=tuple(_cap(cap) for cap in kept.get("caps", ())),
        quiet_hours=QuietHours(**kept.get("quiet_hours", {})),
        learning=Learning(**kept.get("learning", {})),
        **{name: kept[name] for name in NUMBERS if name in kept},
    )
