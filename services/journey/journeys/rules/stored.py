"""Facts, findings and contacts as the JSON that is kept beside a client's state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.journey.journeys.rules.facts import Facts
from services.journey.journeys.rules.standing import Contact
from services.journey.journeys.rules.vocabulary import (
    Action,
    Finding,
    Micros,
    Outcome,
    Risk,
    RiskLevel,
    Stage,
)

# By number: states are read by the thousand, and an enum asked for one takes ten times as long.
STAGES = {one.value: one for one in Stage}
RISKS = {one.value: one for one in Risk}
LEVELS = {one.value: one for one in RiskLevel}


def to_facts(facts: Facts, pending_at: Micros | None) -> dict[str, Any]:
    """What is kept of facts, and until when they hold."""
    return {
        "events": facts.events,
        "first_at": facts.first_at,
        "newest": facts.newest,
        "last_id": facts.last_id,
        "stage": facts.stage,
        "stage_at": facts.stage_at,
        "negatives": facts.negatives,
        "milestone_at": facts.milestone_at,
        "overdue": facts.overdue,
        "openings": facts.openings,
        "open_tickets": facts.open_tickets,
        "pending_at": pending_at,
    }


def from_facts(kept: Mapping[str, Any]) -> tuple[Facts, Micros | None]:
    """The facts, and until when they hold."""
    stage = kept["stage"]
    facts = Facts(
        events=kept["events"],
        first_at=kept["first_at"],
        newest=tuple(kept["newest"]),
        last_id=kept["last_id"],
        stage=None if stage is None else STAGES[stage],
        stage_at=kept["stage_at"],
        negatives=tuple(kept["negatives"]),
        milestone_at=kept["milestone_at"],
        overdue=kept["overdue"],
        openings=tuple((at, ticket) for at, ticket in kept["openings"]),
        open_tickets=kept["open_tickets"],
    )
    return facts, kept["pending_at"]


def to_findings(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """What is kept of the risks that hold."""
    return [
        {
            "risk": one.risk,
            "evidence": one.evidence,
            "numbers": one.numbers,
            "clears_when": one.clears_when,
            "since": one.since,
        }
        for one in findings
    ]


def from_findings(kept: Iterable[Mapping[str, Any]]) -> tuple[Finding, ...]:
    """The risks that held."""
    return tuple(Finding(**{**one, "risk": RISKS[one["risk"]]}) for one in kept)


def to_contacts(contacts: Iterable[Contact]) -> list[tuple[int, int, Micros]]:
    """What is kept of the latest outcomes."""
    return [(one.action, one.outcome, one.at) for one in contacts]


def from_contacts(kept: Iterable[Sequence[int]]) -> tuple[Contact, ...]:
    """The latest outcomes, the newest first."""
    return tuple(Contact(Action(action), Outcome(outcome), at) for action, outcome, at in kept)
