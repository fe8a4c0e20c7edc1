"""What ingested events mean in a journey, and how far a walk through clients has come. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from services.journey.journeys.rules.vocabulary import SECOND, Happening, Micros

SENTIMENT = 27
SUPPORT_TICKET = 28
"""Numbers of the built-in types; they never change."""

_OPENED = frozenset({"open", "opened", "created", "new", "reopened"})
_CLOSED = frozenset({"close", "closed", "resolved", "solved"})
_MAX_WORD = 64

SETTLING_SECONDS = 60
"""After it nobody works any more with settings or norms from before."""


def happening(
    event_id: UUID, occurred_at: Micros, type_id: int, properties: Mapping[str, Any]
) -> Happening:
    """An ingested event as one of the client's journey; it does not move the client."""
    if type_id == SENTIMENT:
        return Happening(event_id, occurred_at, "sentiment", None, _sentiment(properties))
    kind, metadata = _ticket(properties)
    return Happening(event_id, occurred_at, kind, None, metadata)


def _sentiment(properties: Mapping[str, Any]) -> dict[str, Any]:
    """By `sentiment` or `label` in words, else by the sign of `score`."""
    score = properties.get("score")
    number = score if isinstance(score, int | float) and not isinstance(score, bool) else None
    said = _word(properties.get("sentiment")) or _word(properties.get("label"))
    if not said and number is not None:
        said = "negative" if number < 0 else "positive" if number > 0 else "neutral"
    told: dict[str, Any] = {"sentiment": said} if said else {}
    return told if number is None else {**told, "score": number}


def _ticket(properties: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Opened or closed by `status` or `action`, opened without; another word is a mere event."""
    said = _word(properties.get("status")) or _word(properties.get("action"))
    ticket = properties.get("ticket_id")
    known = isinstance(ticket, str | int | float) and not isinstance(ticket, bool)
    metadata = {"ticket_id": ticket[:256] if isinstance(ticket, str) else ticket} if known else {}
    if not said or said in _OPENED:
        return "support_ticket_opened", metadata
    if said in _CLOSED:
        return "support_ticket_closed", metadata
    return "support_ticket", {**metadata, "status": said}


def _word(said: object) -> str:
    return said.strip().lower()[:_MAX_WORD] if isinstance(said, str) else ""


@dataclass(frozen=True, slots=True)
class Target:
    """What all clients of an organisation are to be restated with."""

    settings_version: int
    norms_day: date | None
    """None while those of today are not made: with what there is."""


@dataclass(slots=True)
class Walk:
    """A walk through all clients of an organisation, by client_id.

    Somebody may still write with what was before when the target becomes known. So only a walk that
    begins a minute later counts, and the one before, which begins at once, is for most of them.
    """

    target: Target
    known_at: Micros
    began_at: Micros = field(init=False)
    after: str = field(init=False, default="")
    at_its_end: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.began_at = self.known_at

    @property
    def counts(self) -> bool:
        """Whether who was not found stale by it never will be."""
        return self.began_at >= self.known_at + SETTLING_SECONDS * SECOND

    def goes_on(self, now: Micros) -> bool:
        """Whether it has a step to do now; it begins anew when it is time for that."""
        if self.at_its_end and now >= self.known_at + SETTLING_SECONDS * SECOND:
            self.began_at, self.after, self.at_its_end = now, "", False
        return not self.at_its_end
