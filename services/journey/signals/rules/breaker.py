"""When insight is asked, so that nobody waits for what will not come."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum


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
    again. Calls of an earlier spell that end late change nothing. Every ticket must be returned.
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

    def admit(self, now: float) -> Ticket | None:
        """A ticket for a call that may be made; None when it may not."""
        if self._opened_at is None:
            return self._spell
        if self._probing or now < self._opened_at + self._patience.pause_seconds:
            return None
        self._probing = True
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
