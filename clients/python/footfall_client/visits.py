"""Who is in which session and on which page, as far as this process can know."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from footfall.events.v1.event_pb2 import Event

IDLE_SECONDS = 30 * 60.0


@dataclass(frozen=True, slots=True)
class PageLeft:
    """A page that was left, and how long it was looked at."""

    url: str
    time_on_page_ms: int


@dataclass(slots=True)
class _Visit:
    session_id: str
    seen_at: float
    url: str = ""
    since: float = 0.0

    def left(self, now: float) -> PageLeft | None:
        return PageLeft(self.url, int((now - self.since) * 1000)) if self.url else None


class Visits:
    """Bounded: the users longest unseen are forgotten first. Times are monotonic seconds."""

    def __init__(self, *, limit: int = 10_000) -> None:
        self._limit = limit
        self._lock = Lock()
        self._by_user: OrderedDict[str, _Visit] = OrderedDict()

    def session_id(self, user_id: str, now: float) -> str:
        """The user's session (of the process for no user): a new one after 30 idle minutes."""
        with self._lock:
            return self._visit(user_id, now).session_id

    def turn_to(self, user_id: str, url: str, now: float) -> PageLeft | None:
        """The user looks at another page, or with an empty one at none. Returns the page before."""
        with self._lock:
            visit = self._visit(user_id, now)
            left = visit.left(now)
            visit.url, visit.since = url, now
            return left

    def mark(self, event: Event, now: float, *, sessions: bool) -> None:
        """Fill in session, page and time on page, where the caller said nothing.

        A `logout` ends the session.
        """
        with self._lock:
            if sessions or event.user_id in self._by_user:
                self._fill(event, self._visit(event.user_id, now), now, sessions=sessions)
            if event.type == "logout":
                self._by_user.pop(event.user_id, None)

    def _fill(self, event: Event, visit: _Visit, now: float, *, sessions: bool) -> None:
        if sessions and not event.session_id:
            event.session_id = visit.session_id
        page = visit.left(now)
        if page and event.context.url in ("", page.url):
            event.context.url = page.url
            event.context.time_on_page_ms = event.context.time_on_page_ms or page.time_on_page_ms

    def _visit(self, user_id: str, now: float) -> _Visit:
        visit = self._by_user.get(user_id)
        if visit is None or now - visit.seen_at >= IDLE_SECONDS:
            visit = self._by_user[user_id] = _Visit(str(uuid4()), now)
        visit.seen_at = now
        self._by_user.move_to_end(user_id)
        if len(self._by_user) > self._limit:
            self._by_user.popitem(last=False)
        return visit
