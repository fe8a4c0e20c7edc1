"""Facts of a journey: all that rules ask of its events, small however many events there are.

`fold` takes the next event in the order of the journey; `derive` is the same from the first one on.
An event that comes late, before the newest, takes a `derive`: order of arrival never matters. None
of it depends on the time at which it is asked: that is what risks do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from uuid import UUID

from services.journey.journeys.rules.vocabulary import Happening, Micros, Stage

NEWEST_KEPT = 20
"""Times of the newest events: no threshold of engagement asks for more."""

SENTIMENTS_LOOKED_AT = 10
OPENINGS_KEPT = 100
"""Tickets opened last: no threshold asks for more than 50 of them."""

OPEN_KEPT = 100
"""Invoices and tickets that are open; beyond it the oldest are forgotten."""

_FIRST_ID = str(UUID(int=0))


@dataclass(frozen=True, slots=True)
class Facts:
    """Of the events up to a moment."""

    events: int = 0
    first_at: Micros | None = None
    newest: tuple[Micros, ...] = ()
    """Times of the newest events, the newest first."""
    last_id: str = ""
    """Of the newest event, which no event that is folded may come before."""
    stage: Stage | None = None
    """None until an event says one."""
    stage_at: Micros | None = None
    negatives: tuple[Micros, ...] = ()
    """One entry for each of the last ten events, the newest first: its time, 0 if not negative."""
    milestone_at: Micros | None = None
    overdue: Mapping[str, Micros] = field(default_factory=dict)
    """Invoices that are overdue and not paid, and since when."""
    openings: tuple[tuple[Micros, str], ...] = ()
    """Tickets opened last, the newest first; the id is empty where the event had none."""
    open_tickets: Mapping[str, Micros] = field(default_factory=dict)
    """Tickets that are open, and since when; without an id none can be closed, and none is here."""

    @property
    def last_at(self) -> Micros | None:
        """When the newest event occurred."""
        return self.newest[0] if self.newest else None

    @property
    def last_key(self) -> tuple[Micros, str]:
        """The place of the newest event in the journey; without any, one before all."""
        return (self.newest[0], self.last_id) if self.newest else (0, _FIRST_ID)

    def precedes(self, event: Happening) -> bool:
        """Whether the event comes after all that was folded, so that it can be."""
        return self.last_key < event.key


def derive(events: Iterable[Happening]) -> Facts:
    """The facts of these events, in any order."""
    return reduce(fold, sorted(events, key=lambda event: event.key), Facts())


def fold(facts: Facts, event: Happening) -> Facts:
    """The facts with the next event, one that `precedes` allows."""
    at = event.occurred_at
    moved = event.stage is not None and event.stage != facts.stage
    negative = at if event.metadata.get("sentiment") == "negative" else 0
    counted = replace(
        facts,
        events=facts.events + 1,
        first_at=at if facts.first_at is None else facts.first_at,
        newest=(at, *facts.newest)[:NEWEST_KEPT],
        last_id=str(event.event_id),
        stage=event.stage if moved else facts.stage,
        stage_at=at if moved else facts.stage_at,
        negatives=(negative, *facts.negatives)[:SENTIMENTS_LOOKED_AT],
    )
    return _with_meaning(counted, event)


def _with_meaning(facts: Facts, event: Happening) -> Facts:
    """What the types with a meaning of their own change."""
    at = event.occurred_at
    match event.event_type:
        case "invoice_overdue":
            return replace(facts, overdue=_opened(facts.overdue, _id(event, "invoice_id"), at))
        case "invoice_paid":
            return replace(facts, overdue=_closed(facts.overdue, _id(event, "invoice_id")))
        case "support_ticket_opened":
            ticket = _id(event, "ticket_id")
            openings = ((at, ticket), *facts.openings)[:OPENINGS_KEPT]
            tickets = _opened(facts.open_tickets, ticket, at) if ticket else facts.open_tickets
            return replace(facts, openings=openings, open_tickets=tickets)
        case "support_ticket_closed":
            ticket = _id(event, "ticket_id")
            return replace(facts, open_tickets=_closed(facts.open_tickets, ticket))
        case "milestone_reached":
            return replace(facts, milestone_at=at)
        case _:
            return facts


def _id(event: Happening, name: str) -> str:
    """An id of the metadata, whatever its JSON type; empty when there is none."""
    found = event.metadata.get(name)
    if isinstance(found, float) and found.is_integer():
        found = int(found)  # a Struct has no integers
    return str(found) if isinstance(found, str | int | float) else ""


def _opened(known: Mapping[str, Micros], one: str, at: Micros) -> Mapping[str, Micros]:
    """With it since then, or since before when it is there already."""
    opened = {**known, one: known.get(one, at)}
    if len(opened) > OPEN_KEPT:
        del opened[min(opened, key=lambda key: (opened[key], key))]
    return opened


def _closed(known: Mapping[str, Micros], one: str) -> Mapping[str, Micros]:
    """Without it."""
    return {key: at for key, at in known.items() if key != one}
