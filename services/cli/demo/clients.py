"""Clients that never were: a random walk over stages, the same one at every demo.

The flights have no clients, so these are made up, names and all. Their times count back from now,
because risks are about what is so now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from footfall.journey.v1.clients_pb2 import Client
from footfall.journey.v1.journey_pb2 import (
    STAGE_ACTIVE_PROJECT,
    STAGE_AWAITING_FEEDBACK,
    STAGE_BILLING,
    STAGE_CHURN_RISK,
    STAGE_LEAD,
    STAGE_ONBOARDING,
    STAGE_QUALIFIED_LEAD,
    STAGE_RETENTION,
    STAGE_UNSPECIFIED,
    STAGE_UPSELL_CANDIDATE,
    JourneyEvent,
    Stage,
)
from shared import ids

SEED = 2024
NAMES = (
    "Alder & Finch", "Bluewater Dental", "Cobalt Logistics", "Dunmore Bakery", "Elm Street Law",
    "Fernhill Farms", "Granite Peak Gym", "Harbour Lights", "Ironbridge Tools", "Juniper Clinics",
    "Kestrel Airfreight", "Lindqvist Design", "Marlow Interiors", "Nimbus Weather",
    "Oakhurst School", "Pemberton Wines", "Quayside Hotels", "Redwood Carpentry",
    "Silverline Taxis", "Tamarind Kitchens", "Umber Ceramics", "Vesper Theatre",
    "Westgate Motors", "Yarrow Pharmacy",
)  # fmt: skip

_PLEASED = 0.3
_SCORED = 0.8
_SILENT_BELOW, _SILENT_DAYS = 0.15, 29
_SOURCE = "footfall demo"
_OWNERS = ("olga", "tom")
_SEGMENTS = ("smb", "enterprise")
_LONGEST_DAYS = 220
_WAYS: Mapping[Stage.ValueType, Sequence[tuple[Stage.ValueType, float]]] = {
    STAGE_LEAD: ((STAGE_QUALIFIED_LEAD, 0.8), (STAGE_ONBOARDING, 0.2)),
    STAGE_QUALIFIED_LEAD: ((STAGE_ONBOARDING, 1.0),),
    STAGE_ONBOARDING: ((STAGE_ACTIVE_PROJECT, 0.9), (STAGE_CHURN_RISK, 0.1)),
    STAGE_ACTIVE_PROJECT: ((STAGE_AWAITING_FEEDBACK, 0.7), (STAGE_BILLING, 0.3)),
    STAGE_AWAITING_FEEDBACK: ((STAGE_BILLING, 0.6), (STAGE_ACTIVE_PROJECT, 0.4)),
    STAGE_BILLING: ((STAGE_RETENTION, 0.8), (STAGE_CHURN_RISK, 0.2)),
    STAGE_RETENTION: (
        (STAGE_UPSELL_CANDIDATE, 0.4), (STAGE_ACTIVE_PROJECT, 0.4), (STAGE_CHURN_RISK, 0.2),
    ),
    STAGE_UPSELL_CANDIDATE: ((STAGE_ACTIVE_PROJECT, 0.7), (STAGE_RETENTION, 0.3)),
    STAGE_CHURN_RISK: ((STAGE_RETENTION, 0.6), (STAGE_LEAD, 0.4)),
}  # fmt: skip
"""Where a client goes next, and how often."""

_DAYS: Mapping[Stage.ValueType, tuple[int, int]] = {
    STAGE_ACTIVE_PROJECT: (25, 60),
    STAGE_RETENTION: (20, 60),
    STAGE_BILLING: (8, 25),
}
_OTHERWISE = (6, 20)
"""How long it stays in a stage."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """A client, and all that happened to it, the oldest first."""

    client: Client
    events: Sequence[JourneyEvent]


def simulated(now: datetime) -> list[Simulated]:
    """Two dozen of them."""
    return [_one(Random(f"{SEED}/{name}"), name, now) for name in NAMES]  # noqa: S311 - no secret


def event(
    client_id: str, number: int, at: datetime, event_type: str,
    stage: Stage.ValueType = STAGE_UNSPECIFIED, **metadata: Any,
) -> JourneyEvent:  # fmt: skip
    """One that has the same id whenever it is sent again."""
    made = JourneyEvent(client_id=client_id, event_type=event_type, stage=stage)
    made.occurred_at.FromDatetime(at.astimezone(UTC))
    milliseconds = made.occurred_at.ToMilliseconds()
    made.event_id = ids.text(ids.derived_uuid7(milliseconds, _SOURCE, client_id, str(number)))
    if metadata:
        made.metadata.update(metadata)
    return made


def _one(chance: Random, name: str, now: datetime) -> Simulated:
    client = Client(
        client_id=name.split(maxsplit=1)[0].lower(), name=name, owner=chance.choice(_OWNERS),
        segment=chance.choice(_SEGMENTS), status="simulated",
    )  # fmt: skip
    if chance.random() < _SCORED:
        client.ai_score = chance.randint(20, 90)
    walk = _Walk(chance, client.client_id, now, mood=chance.random())
    return Simulated(
        client, sorted(walk.events(), key=lambda one: one.occurred_at.ToMicroseconds())
    )


@dataclass(slots=True)
class _Walk:
    """Through the stages, until today."""

    chance: Random
    client_id: str
    now: datetime
    mood: float
    """From 0, which quarrels and pays late, to 1."""
    _number: int = 0

    def events(self) -> Iterator[JourneyEvent]:
        days, stage = float(self.chance.randint(20, _LONGEST_DAYS)), STAGE_LEAD
        while days > 0:
            stay = self.chance.uniform(*_DAYS.get(stage, _OTHERWISE))
            yield self._event(days, "moved", stage)
            yield from self._talks(days, stay, stage)
            if stage == STAGE_ACTIVE_PROJECT:
                yield from self._project(days, stay)
            elif stage == STAGE_BILLING:
                yield from self._invoice(days)
            days -= stay
            ways, odds = zip(*_WAYS[stage], strict=True)
            (stage,) = self.chance.choices(ways, odds)

    def _talks(self, days: float, stay: float, stage: Stage.ValueType) -> Iterator[JourneyEvent]:
        """Every week or two; how it went shows the mood, and the worst one ends in silence."""
        at = days - self.chance.uniform(3, 14)
        until = _SILENT_DAYS if self.mood < _SILENT_BELOW else 0
        while at > max(days - stay, until):
            roll = self.chance.random()
            good, bad = roll < _PLEASED, roll > _PLEASED + self.mood
            felt = "positive" if good else "negative" if bad else "neutral"
            yield self._event(at, self.chance.choice(("call", "meeting", "email")), stage,
                              sentiment=felt)  # fmt: skip
            at -= self.chance.uniform(4, 16)

    def _project(self, days: float, stay: float) -> Iterator[JourneyEvent]:
        """Milestones where it goes well, tickets where it does not."""
        for number in range(int(stay // 12)):
            at = days - self.chance.uniform(0, stay)
            if at > 0 and self.chance.random() < 0.3 + self.mood:
                yield self._event(at, "milestone_reached", milestone=f"M{number + 1}")
        for number in range(round(4 * (1 - self.mood))):
            opened = days - self.chance.uniform(0, stay)
            closed = opened - self.chance.uniform(1, 12)
            ticket = f"{self.client_id}-{self._number}-{number}"
            if opened > 0:
                yield self._event(opened, "support_ticket_opened", ticket_id=ticket)
            if closed > 0 and self.chance.random() < self.mood + 0.3:
                yield self._event(closed, "support_ticket_closed", ticket_id=ticket)

    def _invoice(self, days: float) -> Iterator[JourneyEvent]:
        """Late now and then; those in a bad mood pay weeks after, or not yet."""
        due, invoice = days - self.chance.uniform(2, 6), f"INV-{self.client_id}-{self._number}"
        if due <= 0 or self.chance.random() < self.mood:
            return
        yield self._event(due, "invoice_overdue", invoice_id=invoice)
        paid = due - self.chance.uniform(5, 60 * (1.2 - self.mood))
        if paid > 0:
            yield self._event(paid, "invoice_paid", invoice_id=invoice)

    def _event(
        self,
        days: float,
        event_type: str,
        stage: Stage.ValueType = STAGE_UNSPECIFIED,
        **metadata: Any,
    ) -> JourneyEvent:
        self._number += 1
        at = self.now - timedelta(days=days)
        return event(self.client_id, self._number, at, event_type, stage, **metadata)
