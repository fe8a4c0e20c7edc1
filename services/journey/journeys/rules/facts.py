"""Facts of a journey: all that rules ask of its events, small however many events there are.

`fold` takes the next events in the order of the journey; `derive` is the same from the first on.
An event that comes late, before the newest, takes a `derive`: order of arrival never matters. None
of it depends on the time at which it is asked: that is what risks do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from uuid import UUID

from services.journey.journeys.rules.vocabulary import Happening, Micros, Stage

NEWEST_KEPT = 20
"""Times of the newest events: no threshold of engagement asks for more."""

SENTIMENTS_LOOKED_AT = 10
OPENINGS_KEPT = 100
"""Tickets opened last: no threshold asks for more than 50 of them."""

OPEN_KEPT = 100
"""Invoices and tickets that are open; beyond it the oldest are forgotten."""

ASKED_FOR = ("sentiment", "invoice_id", "ticket_id")
"""All that is asked of metadata."""

ID_SHOWN = 40
"""Characters of an id that evidence names."""

_ID_KEPT = 64
"""Characters: of longer ids their beginning and a digest are kept, so that facts stay small."""

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
    return fold(Facts(), *sorted(events, key=lambda event: event.key))


def fold(facts: Facts, *following: Happening) -> Facts:
    """The facts with the next events, in their order; `precedes` allows the first of them."""
    folding = _Folding(facts)
    for event in following:
        folding.add(event)
    return folding.facts


class _Folding:
    """Facts on their way: a copy for each of many thousands of events would take long."""

    def __init__(self, facts: Facts) -> None:
        self._before = facts
        self._last: Happening | None = None
        self._events = facts.events
        self._first_at = facts.first_at
        self._newest = deque(facts.newest, NEWEST_KEPT)
        self._stage, self._stage_at = facts.stage, facts.stage_at
        self._negatives = deque(facts.negatives, SENTIMENTS_LOOKED_AT)
        self._milestone_at = facts.milestone_at
        self._overdue = dict(facts.overdue)
        self._openings = deque(facts.openings, OPENINGS_KEPT)
        self._open_tickets = dict(facts.open_tickets)

    def add(self, event: Happening) -> None:
        """The next event."""
        at = event.occurred_at
        self._events, self._last = self._events + 1, event
        if self._first_at is None:
            self._first_at = at
        self._newest.appendleft(at)
        if event.stage is not None and event.stage != self._stage:
            self._stage, self._stage_at = event.stage, at
        self._negatives.appendleft(at if event.metadata.get("sentiment") == "negative" else 0)
        self._add_meaning(event, at)

    def _add_meaning(self, event: Happening, at: Micros) -> None:
        """What the types with a meaning of their own change."""
        match event.event_type:
            case "invoice_overdue":
                _open(self._overdue, _id(event, "invoice_id"), at)
            case "invoice_paid":
                self._overdue.pop(_id(event, "invoice_id"), None)
            case "support_ticket_opened":
                self._openings.appendleft((at, ticket := _id(event, "ticket_id")))
                if ticket:
                    _open(self._open_tickets, ticket, at)
            case "support_ticket_closed":
                self._open_tickets.pop(_id(event, "ticket_id"), None)
            case "milestone_reached":
                self._milestone_at = at
            case _:
                pass

    @property
    def facts(self) -> Facts:
        """The facts with all that was added."""
        if self._last is None:
            return self._before
        return Facts(
            events=self._events,
            first_at=self._first_at,
            newest=tuple(self._newest),
            last_id=str(self._last.event_id),
            stage=self._stage,
            stage_at=self._stage_at,
            negatives=tuple(self._negatives),
            milestone_at=self._milestone_at,
            overdue=self._overdue,
            openings=tuple(self._openings),
            open_tickets=self._open_tickets,
        )


def _id(event: Happening, name: str) -> str:
    """An id of the metadata, whatever its JSON type; empty when there is none.

    A number is what it is as a double, for the wire has no others: kept and read again it may have
    other digits, or be a whole number, and means the same.
    """
    match event.metadata.get(name):
        case bool() | str() as found:
            return _bounded(str(found))
        case int() | float() as number:
            double = float(number)
            return _bounded(str(int(double) if double.is_integer() else double))
        case _:
            return ""


def _bounded(one: str) -> str:
    """The id, or what is as good as it: no two that differ become one."""
    if len(one) <= _ID_KEPT:
        return one
    return one[:ID_SHOWN] + blake2b(one.encode(), digest_size=16).hexdigest()


def _open(known: dict[str, Micros], one: str, at: Micros) -> None:
    """Open since then, or since before when it is there already."""
    known.setdefault(one, at)
    if len(known) > OPEN_KEPT:
        del known[min(known, key=lambda key: (known[key], key))]
