"""Settings between the wire and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from google.protobuf.message import Message

from footfall.journey.v1 import settings_pb2 as pb
from services.journey.catalogue.rules.editions import Change, Edition
from services.journey.catalogue.rules.stored import NUMBERS
from services.journey.journeys.rules.settings import (
    ActionRule,
    Cap,
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
from shared.errors import InvalidField, Violation

THRESHOLDS = tuple(one.name for one in fields(Thresholds))
LEARNING = tuple(one.name for one in fields(Learning))


def to_settings(edition: Edition, org_id: UUID) -> pb.JourneySettings:
    """The settings as they are shown, every one filled in."""
    known = edition.settings
    shown = pb.JourneySettings(
        version=edition.version,
        etag=edition.etag(org_id),
        changed_by=edition.changed_by,
        stages=_shown(pb.StageRule, "stage", known.stages),
        risks=_shown(pb.RiskRule, "risk", known.risks),
        actions=_shown(pb.ActionRule, "action", known.actions),
        levels=_shown(pb.LevelRule, "level", known.levels),
        thresholds=pb.RiskThresholds(**asdict(known.thresholds)),
        caps=[pb.ContactCap(**asdict(cap)) for cap in known.caps],
        quiet_hours=pb.QuietHours(**asdict(known.quiet_hours)),
        learning=pb.LearningSettings(**asdict(known.learning)),
        **{name: getattr(known, name) for name in NUMBERS},
    )
    if edition.changed_at is not None:
        shown.changed_at.FromDatetime(edition.changed_at)
    return shown


def from_settings(sent: pb.JourneySettings) -> Change:
    """What is to change: what is there. Raises InvalidField."""
    _refuse_repeats(sent)
    quiet = sent.quiet_hours
    return Change(
        stages={Stage(one.stage): _stage(one) for one in sent.stages},
        risks={Risk(one.risk): _risk(one) for one in sent.risks},
        actions={Action(one.action): _action(one) for one in sent.actions},
        levels={RiskLevel(one.level): _level(one) for one in sent.levels},
        thresholds=_present(sent.thresholds, THRESHOLDS),
        caps=_caps(sent),
        quiet_hours=QuietHours(quiet.from_minute, quiet.to_minute)
        if sent.HasField("quiet_hours")
        else None,
        learning=_present(sent.learning, LEARNING),
        numbers=_present(sent, NUMBERS),
        etag=sent.etag,
        version=sent.version,
        changed_by=sent.changed_by,
        changed_at=_changed_at(sent),
    )


def _shown(message: type[Any], key: str, rules: Mapping[Any, Any]) -> list[Any]:
    return [message(**{key: one}, **asdict(rule)) for one, rule in sorted(rules.items())]


def _stage(sent: pb.StageRule) -> StageRule:
    return StageRule(sent.weight, tuple(Action(one) for one in sent.actions))


def _risk(sent: pb.RiskRule) -> RiskRule:
    return RiskRule(Action(sent.action), sent.rank, sent.points, sent.enabled)


def _action(sent: pb.ActionRule) -> ActionRule:
    return ActionRule(Channel(sent.channel), sent.reason, sent.enabled)


def _level(sent: pb.LevelRule) -> LevelRule:
    return LevelRule(sent.min_risks, Priority(sent.priority))


def _caps(sent: pb.JourneySettings) -> tuple[Cap, ...] | None:
    if not sent.caps and not sent.replace_caps:
        return None
    return tuple(
        Cap(Channel(one.channel) if one.channel else None, one.max_contacts, one.days)
        for one in sent.caps
    )


def _refuse_repeats(sent: pb.JourneySettings) -> None:
    """Each stage, risk, action, level, and each cap of a channel and as many days, once."""
    keys: dict[str, Sequence[object]] = {
        "stages[{}].stage": [one.stage for one in sent.stages],
        "risks[{}].risk": [one.risk for one in sent.risks],
        "actions[{}].action": [one.action for one in sent.actions],
        "levels[{}].level": [one.level for one in sent.levels],
        "caps[{}].days": [(one.channel, one.days) for one in sent.caps],
    }
    violations = [
        Violation(f"settings.{path.format(place)}", "is named twice; each may be named once")
        for path, found in keys.items()
        for place, one in enumerate(found)
        if one in found[:place]
    ]
    if violations:
        raise InvalidField(violations=violations)


def _present(sent: Message, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(sent, name) for name in names if sent.HasField(name)}


def _changed_at(sent: pb.JourneySettings) -> datetime | None:
    if not sent.HasField("changed_at"):
        return None
    try:
        return sent.changed_at.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise InvalidField.of("settings.changed_at", "must be empty, or as it was read") from None
