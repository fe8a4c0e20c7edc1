"""What to do for a client: what is called for, what of it is permitted, in the order learnt."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from services.journey.actions.rules.decision import Arm, Decision, Recommended, decision_id
from services.journey.actions.rules.eligibility import Reach, Withheld, withheld, withheld_from
from services.journey.actions.rules.known import Known
from services.journey.journeys.rules.calls import Called, called_for
from services.journey.journeys.rules.moments import from_micros
from services.journey.journeys.rules.risks import next_change
from services.journey.journeys.rules.score import score
from services.journey.journeys.rules.settings import JourneySettings
from services.journey.journeys.rules.standing import Standing
from services.journey.journeys.rules.vocabulary import (
    DAY,
    SECOND,
    Channel,
    Micros,
    Priority,
    Score,
)
from services.journey.learning.rules.policy import (
    Policy,
    Prospects,
    Ranked,
    held_out,
    learns,
    prospects,
    ranked_by,
    seed_of,
)

MINUTE: Micros = 60 * SECOND
HOUR: Micros = 60 * MINUTE


@dataclass(frozen=True, slots=True)
class Case:
    """A client with all that decides, and when."""

    org_id: UUID
    client_id: str
    known: Known
    settings: JourneySettings
    policy: Policy
    now: Micros
    past: bool = False
    """Whether now is long ago: nobody acts on the answer."""


class Permitted(NamedTuple):
    """What the rules call for, and what may be done of it."""

    score: Score
    called: Sequence[Called]
    """Permitted now, in the order of the rules."""
    withheld: Sequence[Withheld]
    changes_at: Micros
    """The first moment at which that may differ without any event."""


class Draw(NamedTuple):
    """By what the permitted actions are put in order."""

    arm: Arm
    seed: int
    held_out: bool


class Recommendation(NamedTuple):
    """An action that is recommended, and why."""

    ranked: Ranked
    channel: Channel
    reason: str
    evidence: Sequence[str]


class SignalsAge(NamedTuple):
    """How old what is known of the use of the product is."""

    seconds: float | None
    """None in answers about the past, where only turns are known."""
    stale: bool


@dataclass(frozen=True, slots=True)
class Advice:
    """The answer."""

    as_of: Micros
    expires_at: Micros
    score: Score
    priority: Priority
    recommended: Sequence[Recommendation]
    withheld: Sequence[Withheld]
    signals: SignalsAge | None
    settings_version: int
    policy_version: int
    held_out: bool
    decision: Decision | None
    """None when nothing is due, and in answers about the past."""


def permitted(case: Case) -> Permitted:
    """What is called for now, what of it is permitted, and until when that stays so."""
    known, settings, now = case.known, case.settings, case.now
    scored = score(known.standing, settings, now)
    reach = Reach(settings, known.zone(settings), known.do_not_contact, known.contacts)
    free: list[Called] = []
    held: list[Withheld] = []
    turns = [now + settings.expiry_minutes * MINUTE, next_change(known.standing, settings, now)]
    for one in called_for(scored, settings):
        if (found := withheld(one.action, reach, now)) is None:
            free.append(one)
            turns.append(withheld_from(one.action, reach, now))
        else:
            held.append(found)
            turns.append(found.until)
    turns.append(_stale_at(known.standing, settings, now))
    return Permitted(scored, free, held, min(at for at in turns if at is not None))


def drawn(case: Case) -> Draw:
    """Who decides about the order: the rules alone, or what was learnt."""
    learning, policy = case.settings.learning, case.policy
    apart = held_out(case.org_id, case.client_id, learning.hold_out_percent)
    if not learns(policy, learning):
        return Draw(Arm.RULES, 0, apart)
    if apart:
        return Draw(Arm.HELD_OUT, 0, apart)
    day = from_micros(case.now).date()
    return Draw(Arm.LEARNT, seed_of(case.org_id, case.client_id, policy.version, day), apart)


def alike(case: Case, found: Permitted, draw: Draw) -> Hashable:
    """What `outlook` hangs on: the same for many clients, so that it is worked out once."""
    actions = tuple((one.action, one.tier) for one in found.called)
    versions = case.settings.version, case.policy.version
    return case.org_id, versions, case.known.segment, draw.arm, actions


def outlook(case: Case, found: Permitted, draw: Draw) -> Prospects:
    """What is to be expected of the permitted actions."""
    learning, segment = case.settings.learning, case.known.segment
    return prospects(
        found.called, case.policy, learning, segment, held_out=draw.arm is Arm.HELD_OUT
    )


def advice(case: Case, found: Permitted, draw: Draw, expected: Prospects, most: int) -> Advice:
    """The answer, with so many recommendations at most."""
    learnt = draw.arm is Arm.LEARNT
    ranked = ranked_by(found.called, expected, draw.seed)[:most]
    tomorrow = (case.now // DAY + 1) * DAY  # then another draw is made
    expires_at = min(found.changes_at, tomorrow) if learnt else found.changes_at
    return Advice(
        as_of=case.now,
        expires_at=expires_at,
        score=found.score,
        priority=case.settings.levels[found.score.level].priority,
        recommended=[_recommendation(case, found, one, place) for place, one in enumerate(ranked)],
        withheld=found.withheld,
        signals=_signals_age(case),
        settings_version=case.settings.version,
        policy_version=case.policy.version if learnt else 0,
        held_out=draw.held_out,
        decision=_decision(case, found, draw, ranked, expires_at),
    )


def _decision(
    case: Case, found: Permitted, draw: Draw, ranked: Sequence[Ranked], expires_at: Micros
) -> Decision | None:
    if case.past or not ranked:
        return None
    settings_version, policy_version = case.settings.version, case.policy.version
    return Decision(
        decision_id=decision_id(
            case.org_id, case.client_id, case.now, settings_version, policy_version
        ),
        client_id=case.client_id,
        segment=case.known.segment,
        made_at=case.now,
        expires_at=expires_at,
        settings_version=settings_version,
        policy_version=policy_version,
        seed=draw.seed,
        arm=draw.arm,
        rules_action=found.called[0].action,
        recommended=[Recommended(one.called.action, one.propensity) for one in ranked],
    )


def _recommendation(case: Case, found: Permitted, ranked: Ranked, place: int) -> Recommendation:
    rule = case.settings.actions[ranked.called.action]
    reason = _filled(rule.reason, found.score) if "{" in rule.reason else rule.reason
    evidence = [one.evidence for one in ranked.called.findings]
    if ranked.called.by_stage:
        evidence.append(_of_stage(case.known.standing))
    if found.called[place] is not ranked.called and place < found.called.index(ranked.called):
        evidence.append(f"{ranked.effect.mean:.0%} are taken up: moved up by outcomes")
    return Recommendation(ranked, rule.channel, reason, evidence)


def _filled(reason: str, scored: Score) -> str:
    """The settings' sentence about this client; no format, for whoever wrote it is a stranger."""
    risks = ", ".join(one.risk.name.lower() for one in scored.findings)
    return (
        reason.replace("{level}", scored.level.name)
        .replace("{stage}", scored.stage.name.lower())
        .replace("{risks}", risks or "none")
    )


def _of_stage(standing: Standing) -> str:
    since = from_micros(standing.stage_since).date().isoformat()
    return f"In {standing.stage.name.lower()} since {since}"


def _signals_age(case: Case) -> SignalsAge | None:
    signals = case.known.standing.signals
    if signals is None:
        return None
    if case.past:
        return SignalsAge(None, stale=False)
    age = max(0, case.now - signals.measured_at)
    return SignalsAge(age / SECOND, stale=age > case.settings.signals_fresh_hours * HOUR)


def _stale_at(standing: Standing, settings: JourneySettings, now: Micros) -> Micros | None:
    """When signals that are fresh cease to be."""
    if standing.signals is None:
        return None
    stale_at = standing.signals.measured_at + settings.signals_fresh_hours * HOUR + 1
    return stale_at if stale_at > now else None
