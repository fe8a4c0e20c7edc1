"""When insight is asked, so that nobody waits for what will not come."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from enum import Enum
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Patience:
    """How much failure a breaker bears, and how long it then waits."""

    in_a_row: int = 5
    looked_at: int = 20
    """So many of the latest calls make a share; fewer make none."""
    share: float = 0.5
    window_seconds: float = 30.0
    """Calls that ended longer ago say nothing."""
    pause_seconds: float = 2.0
    """For so long nothing is asked; then one call tries whether it is over."""


class Turn(Enum):
    """A change that is worth telling."""

    OPENED = "opened"
    CLOSED = "closed"


Ticket = int
"""For one call: it says in which spell of the breaker the call began."""


class Breaker:
    """Keeps calls from a service that fails: a caller should not wait for what will not come.

    Closed, it lets all calls through. It opens after failures in a row, or when too many of the
    latest fail. After a pause one call probes: when it succeeds the breaker closes, else it pauses
    again. Calls of an earlier spell that end late change nothing. A probe's ticket must be
    returned.
    """

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        self._spell: Ticket = 0
        self._opened_at: float | None = None
        self._probing = False
        self._row = 0
        self._ended: deque[tuple[float, bool]] = deque(maxlen=self._patience.looked_at)

    @property
    def closed(self) -> bool:
        """Whether all calls go through."""
        return self._opened_at is None

    def admits(self, now: float) -> bool:
        """Whether a call may be made."""
        if self._opened_at is None:
            return True
        return not self._probing and now >= self._opened_at + self._patience.pause_seconds

    def admit(self, now: float) -> Ticket | None:
        """A ticket for a call that may be made; None when it may not."""
        if not self.admits(now):
            return None
        self._probing = not self.closed
        return self._spell

    def record(self, ticket: Ticket, now: float, *, ok: bool) -> Turn | None:
        """How a call ended; what that changed, if there is something to tell."""
        if ticket != self._spell:
            return None
        if self._opened_at is not None:
            return self._probed(now, ok=ok)
        self._row = 0 if ok else self._row + 1
        self._ended.append((now, ok))
        if ok or not self._too_much(now):
            return None
        self._begin(opened_at=now)
        return Turn.OPENED

    def _probed(self, now: float, *, ok: bool) -> Turn | None:
        self._begin(opened_at=None if ok else now)
        return Turn.CLOSED if ok else None

    def _too_much(self, now: float) -> bool:
        if self._row >= self._patience.in_a_row:
            return True
        since = now - self._patience.window_seconds
        recent = [ok for at, ok in self._ended if at > since]
        enough = len(recent) >= self._patience.looked_at
        return enough and recent.count(False) >= self._patience.share * len(recent)

    def _begin(self, opened_at: float | None) -> None:
        self._spell += 1
        self._opened_at = opened_at
        self._probing = False
        self._row = 0
        self._ended.clear()


class End(Enum):
    """How a call ended."""

    WELL = "well"
    """With an answer, or with a refusal."""
    LATE = "late"
    """With none in time."""
    WRONG = "wrong"
    """With what is no answer."""
    AWAY = "away"
    """There was nobody."""


@dataclass(frozen=True, slots=True)
class Tickets:
    """For one call, which counts for everyone and for its organisation."""

    org_id: UUID
    shared: Ticket
    breaker: Breaker
    own: Ticket


@dataclass(frozen=True, slots=True)
class Turns:
    """What the end of a call changed."""

    shared: Turn | None
    own: Turn | None


MAX_ORGANISATIONS = 1_000


class Breakers:
    """One for everyone, which minds whether insight is there, and one for each organisation.

    Answers to one organisation that come late or wrong, say because it is large, take nothing from
    the others. Of too many organisations the one unused for longest is forgotten.
    """

    def __init__(self, patience: Patience | None = None, most: int = MAX_ORGANISATIONS) -> None:
        self._patience = patience or Patience()
        self._most = most
        self._shared = Breaker(self._patience)
        self._own: OrderedDict[UUID, Breaker] = OrderedDict()
        self._failed_at: dict[UUID, float] = {}
        """Of those whose breakers are open."""

    def away(self, now: float) -> bool:
        """Whether insight fails everyone, or has of late failed an organisation."""
        since = now - self._patience.window_seconds
        return not self._shared.closed or any(at > since for at in self._failed_at.values())

    def admit(self, org_id: UUID, now: float) -> Tickets | None:
        """Tickets for a call that may be made; None when it may not."""
        own = self._breaker(org_id)
        if not (own.admits(now) and self._shared.admits(now)):
            return None
        tickets = self._shared.admit(now), own.admit(now)
        assert tickets[0] is not None
        assert tickets[1] is not None
        return Tickets(org_id, tickets[0], own, tickets[1])

    def record(self, tickets: Tickets, now: float, end: End) -> Turns:
        """How a call ended; what that changed."""
        shared = own = None
        # What says nothing of a breaker leaves it as it is, but for a probe that brought no answer.
        if end is not End.LATE or not self._shared.closed:
            there = end in {End.WELL, End.WRONG}
            shared = self._shared.record(tickets.shared, now, ok=there)
        if end is not End.AWAY or not tickets.breaker.closed:
            own = tickets.breaker.record(tickets.own, now, ok=end is End.WELL)
        if self._own.get(tickets.org_id) is tickets.breaker:  # it is not forgotten
            self._failed_at.pop(tickets.org_id, None)
            if not tickets.breaker.closed:
                self._failed_at[tickets.org_id] = now
        return Turns(shared, own)

    def _breaker(self, org_id: UUID) -> Breaker:
        own = self._own.setdefault(org_id, Breaker(self._patience))
        self._own.move_to_end(org_id)
        if len(self._own) > self._most:
            gone, _ = self._own.popitem(last=False)
            self._failed_at.pop(gone, None)
        return own
