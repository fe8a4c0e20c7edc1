"""The catalogue as rules use it: stages, risks, actions, levels and how they weigh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.journey.journeys.rules.vocabulary import (
    Action,
    Channel,
    Priority,
    Risk,
    RiskLevel,
    Stage,
)


@dataclass(frozen=True, slots=True)
class StageRule:
    """What a stage weighs, and which actions it calls for, best first."""

    weight: float
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class RiskRule:
    """What a risk costs, which action it calls for, and when it is acted on."""

    action: Action
    rank: int
    points: float = 10.0
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class ActionRule:
    """On what way an action reaches the client, and why it is recommended."""

    channel: Channel
    reason: str
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class LevelRule:
    """From how many risks on, and how soon its actions are due."""

    min_risks: int
    priority: Priority


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The numbers of the risks."""

    engagement_min_events: int = 3
    engagement_days: int = 30
    engagement_grace_days: int = 14
    sentiment_min_negative: int = 2
    project_min_days: int = 30
    project_milestone_days: int = 14
    tickets_min: int = 3
    tickets_days: int = 14


@dataclass(frozen=True, slots=True)
class Cap:
    """How often a client may be reached: on one channel, or on all together for None."""

    channel: Channel | None
    max_contacts: int
    days: int


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Minutes after midnight, in the client's time zone; equal ones mean none."""

    from_minute: int = 0
    to_minute: int = 0


@dataclass(frozen=True, slots=True)
class Learning:
    """How the ranking learns."""

    enabled: bool = True
    min_outcomes: int = 50
    half_life_days: float = 90.0
    prior_strength: float = 10.0
    segment_strength: float = 20.0
    hold_out_percent: float = 5.0


STAGES: Mapping[Stage, StageRule] = {
    Stage.LEAD: StageRule(0, (Action.EMAIL_OUTREACH,)),
    Stage.QUALIFIED_LEAD: StageRule(5, (Action.EMAIL_OUTREACH,)),
    Stage.ONBOARDING: StageRule(10, (Action.SCHEDULE_MEETING,)),
    Stage.ACTIVE_PROJECT: StageRule(15),
    Stage.AWAITING_FEEDBACK: StageRule(20, (Action.TRIGGER_SATISFACTION_SURVEY,)),
    Stage.BILLING: StageRule(25),
    Stage.RETENTION: StageRule(30),
    Stage.UPSELL_CANDIDATE: StageRule(35, (Action.OFFER_CREDIT_PACK,)),
    Stage.CHURN_RISK: StageRule(0, (Action.CONCIERGE_PERSONAL_INTERVENTION,)),
}
RISKS: Mapping[Risk, RiskRule] = {
    Risk.NEGATIVE_SENTIMENT: RiskRule(Action.CONCIERGE_PERSONAL_INTERVENTION, 1),
    Risk.HIGH_SUPPORT_TICKETS: RiskRule(Action.CONCIERGE_PERSONAL_INTERVENTION, 2),
    Risk.LATE_INVOICES: RiskRule(Action.EMAIL_OUTREACH, 3),
    Risk.LOW_ENGAGEMENT: RiskRule(Action.SEND_VOICE_MESSAGE, 4),
    Risk.SLOW_PROJECT_PROGRESS: RiskRule(Action.SCHEDULE_MEETING, 5),
    Risk.LOW_FEATURE_USAGE: RiskRule(Action.SCHEDULE_MEETING, 6),
}
ACTIONS: Mapping[Action, ActionRule] = {
    Action.EMAIL_OUTREACH: ActionRule(Channel.EMAIL, "Client needs re-engagement via email"),
    Action.SCHEDULE_MEETING: ActionRule(
        Channel.MEETING, "A personal meeting moves the client on ({stage})"
    ),
    Action.SEND_VOICE_MESSAGE: ActionRule(Channel.VOICE, "Voice message can improve engagement"),
    Action.CONCIERGE_PERSONAL_INTERVENTION: ActionRule(
        Channel.PERSON, "{level} risk detected - personal intervention needed"
    ),
    Action.OFFER_CREDIT_PACK: ActionRule(Channel.IN_APP, "Good candidate for additional services"),
    Action.TRIGGER_SATISFACTION_SURVEY: ActionRule(
        Channel.EMAIL, "Collect feedback on recent work"
    ),
}
LEVELS: Mapping[RiskLevel, LevelRule] = {
    RiskLevel.LOW: LevelRule(0, Priority.LOW),
    RiskLevel.MEDIUM: LevelRule(2, Priority.MEDIUM),
    RiskLevel.HIGH: LevelRule(3, Priority.HIGH),
    RiskLevel.CRITICAL: LevelRule(4, Priority.URGENT),
}


@dataclass(frozen=True, slots=True)
class JourneySettings:
    """One version of an organisation's catalogue; version 0 are the defaults."""

    version: int = 0
    stages: Mapping[Stage, StageRule] = field(default_factory=lambda: STAGES)
    risks: Mapping[Risk, RiskRule] = field(default_factory=lambda: RISKS)
    actions: Mapping[Action, ActionRule] = field(default_factory=lambda: ACTIONS)
    levels: Mapping[RiskLevel, LevelRule] = field(default_factory=lambda: LEVELS)
    thresholds: Thresholds = field(default_factory=Thresholds)
    caps: tuple[Cap, ...] = ()
    quiet_hours: QuietHours = field(default_factory=QuietHours)
    cooldown_days: int = 14
    expiry_minutes: int = 1440
    signals_fresh_hours: int = 24
    learning: Learning = field(default_factory=Learning)
