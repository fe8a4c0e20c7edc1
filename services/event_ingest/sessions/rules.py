"""What a session is, and how stored sessions change when events arrive. Pure.

A session is a run of events of one key (user, the client's session id) in order of time. A new one
begins after 30 minutes without an event, after a `logout`, and 24 hours after the first event.
Events of one moment stay together, so no two sessions of a key start alike and no tie of times can
change the split.

Sums of a run can be added up, so a stored session stands for its events: a block, as a new event
is one. The rule reads blocks and needs the events of a stored session only where it must cut one:
where a logout falls inside, or where an earlier start moves the 24 hours into it. A user with many
events costs what is new of them, however long the session is by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import IntEnum
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from services.event_ingest.events.rules import StoredRow

IDLE_US = 30 * 60 * 1_000_000
LONGEST_US = 24 * 3600 * 1_000_000
IDLE = timedelta(microseconds=IDLE_US)
LONGEST = timedelta(microseconds=LONGEST_US)

TOOLS_SHOWN = 100
TOOLS_COUNTED = 300
"""A session with more features has no primary one, and keeps the first used without counts."""


class End(IntEnum):
    """Why a session ended; the numbers of the contract. IDLE is a matter of the clock, not kept."""

    UNSPECIFIED = 0
    IDLE = 1
    LOGOUT = 2
    MAX_LENGTH = 3


class Key(NamedTuple):
    """Whose events belong together; `session_id` is the client's, empty where it has none."""

    user_id: str
    session_id: str


Tools = dict[str, tuple[int, int]]
"""By feature: the number of its events (0: not counted) and the time of the first, in µs."""

Device = dict[str, tuple[int, str]]
"""By field of the context: when it was first said, in µs, and what was."""


@dataclass(slots=True)
class Session:
    """Events in a row, summed up; one event alone is a session too. Times in µs since 1970."""

    started_us: int
    last_us: int
    events: int = 1
    exports: int = 0
    points: int = 0
    tools: Tools = field(default_factory=dict)
    device: Device = field(default_factory=dict)
    end: End = End.UNSPECIFIED
    """LOGOUT when the last event is one, MAX_LENGTH when the next one came in time but too late."""
    stored: bool = False
    """It is a row as it stands."""

    @property
    def primary_tool(self) -> str:
        """The feature with most events, the first used among equals; empty when none is counted."""
        if not self.tools or not _counted(self.tools):
            return ""
        return min(self.tools.items(), key=lambda one: (-one[1][0], one[1][1], one[0]))[0]


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions are asked for; None asks for all. The interval of starts is half open."""

    user_id: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of sessions."""

    rows: Sequence[StoredRow]
    more: bool


def session_key(key: Key, started_us: int) -> bytes:
    """The name of a session, made from whose it is and when it started: 16 bytes of a UUID."""
    user_id, session_id = key.user_id.encode(), key.session_id.encode()
    place = started_us.to_bytes(8, signed=True) + len(user_id).to_bytes(4)
    digest = bytearray(sha256(place + user_id + session_id).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80  # version 8 of RFC 9562: bits of one's own making
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)


def tools_in_order(tools: Mapping[str, tuple[int, int]]) -> list[str]:
    """Features in the order of their first use, as many as are shown."""
    return sorted(tools, key=lambda name: (tools[name][1], name))[:TOOLS_SHOWN]


def end_by(now: datetime, *, kept: End, started_at: datetime, last_at: datetime) -> End:
    """Why a session has ended by now, as far as is known; `kept` is what its events say."""
    if kept is not End.UNSPECIFIED:
        return kept
    if now - last_at >= IDLE:
        return End.IDLE
    return End.MAX_LENGTH if now - started_at >= LONGEST else End.UNSPECIFIED


@dataclass(slots=True)
class Split:
    """What became of some blocks. It is final when nothing is in `apart` and `onward`."""

    sessions: list[Session]
    apart: list[Session]
    """Stored sessions that end somewhere inside: their events are needed instead of them."""
    onward: list[Session]
    """Stored sessions that start elsewhere now: the session after them is needed too."""

    @property
    def final(self) -> bool:
        return not (self.apart or self.onward)


def split(blocks: Iterable[Session]) -> Split:
    """The sessions that the blocks of one key make: events, and stored sessions around them."""
    runs: list[_Run] = []
    apart: dict[int, Session] = {}
    # At equal times stored sessions first: what comes at the moment of their start is inside.
    for block in sorted(blocks, key=lambda one: (one.started_us, not one.stored)):
        if runs and runs[-1].takes(block):
            if (cut := runs[-1].cut_by(block)) is not None:
                apart[cut.started_us] = cut
            runs[-1].add(block)
        else:
            runs.append(_Run(block))
    sessions: list[Session] = []
    onward: list[Session] = []
    for run, following in zip(runs, [*runs[1:], None], strict=True):
        end, unsure = run.end_before(following)
        sessions.append(run.summed(end))
        onward.extend(unsure)
    return Split(sessions, list(apart.values()), onward)


class _Run:
    """Blocks that make one session, in order of time."""

    __slots__ = ("_blocks", "_last_us", "_logout", "_stored", "started_us")

    def __init__(self, first: Session) -> None:
        self._blocks = [first]
        self.started_us = first.started_us
        self._last_us = first.last_us
        self._logout = first.end is End.LOGOUT
        self._stored = first if first.stored else None

    def takes(self, block: Session) -> bool:
        """The rule: whether what comes next still belongs to it."""
        if block.started_us <= self._last_us:
            return True
        return (
            not self._logout
            and block.started_us - self._last_us < IDLE_US
            and block.started_us - self.started_us < LONGEST_US
        )

    def cut_by(self, block: Session) -> Session | None:
        """The stored session that the rule cuts somewhere inside once the block is taken."""
        if block.end is End.LOGOUT and block.last_us < self._last_us:
            return self._stored  # only a stored one reaches beyond what starts later
        too_long = block.last_us - self.started_us >= LONGEST_US
        return block if block.stored and too_long else None

    def add(self, block: Session) -> None:
        self._blocks.append(block)
        if block.last_us >= self._last_us:
            same_moment = block.last_us == self._last_us
            self._logout = block.end is End.LOGOUT or (same_moment and self._logout)
            self._last_us = block.last_us
        if block.stored:
            self._stored = block

    def end_before(self, following: _Run | None) -> tuple[End, list[Session]]:
        """Why it ended, and the stored session whose successor decides that, if it is not here."""
        if self._logout:
            return End.LOGOUT, []
        if following is not None and following.started_us - self._last_us < IDLE_US:
            return End.MAX_LENGTH, []
        tail = self._stored
        if tail is None or tail.end is not End.MAX_LENGTH or tail.last_us != self._last_us:
            return End.UNSPECIFIED, []
        # Its successor is no block here. It began because the 24 hours were over: they still are,
        # unless they are counted from elsewhere now.
        return End.MAX_LENGTH, [tail] if tail.started_us != self.started_us else []

    def summed(self, end: End) -> Session:
        """Its blocks in one; a stored session that nothing changed stays the one it is."""
        first, *others = self._blocks
        if not others and first.end is end:
            return first
        whole = replace(
            first, tools=dict(first.tools), device=dict(first.device), end=end, stored=False
        )
        for block in others:
            _add(whole, block)
        return whole


def _add(whole: Session, part: Session) -> None:
    """Sums that do not depend on the order in which parts are added."""
    whole.last_us = max(whole.last_us, part.last_us)
    whole.events += part.events
    whole.exports += part.exports
    whole.points += part.points
    for name, said in part.device.items():
        whole.device[name] = min(said, whole.device.get(name, said))
    if part.tools:
        whole.tools = _united(whole.tools, part.tools)


def _united(tools: Tools, others: Tools) -> Tools:
    counted = _counted(tools) and _counted(others)
    for name, (events, first_us) in others.items():
        known, since_us = tools.get(name, (0, first_us))
        tools[name] = (known + events, min(since_us, first_us))
    if counted and len(tools) <= TOOLS_COUNTED:
        return tools
    return {name: (0, tools[name][1]) for name in tools_in_order(tools)}


def _counted(tools: Tools) -> bool:
    """Either all features of a session are counted or none is."""
    return not tools or next(iter(tools.values()))[0] > 0


class Span(NamedTuple):
    """A stretch of time of one key, in µs since 1970."""

    key: Key
    from_us: int
    to_us: int


class Repair:
    """The sessions of one key while new events are worked in: what is stored, what will be."""

    def __init__(self, key: Key, arrivals: dict[UUID, Session]) -> None:
        """`arrivals` are the new events by id, each as a session of its own."""
        self.key = key
        self._events = arrivals
        self._stored: dict[int, Session] = {}
        self._apart: set[int] = set()

    def spans(self) -> list[Span]:
        """Where to look for stored sessions that the new events may touch.

        Of each span are needed the last session that starts at or before its beginning, and all
        that start inside. What lies before cannot change: a split is found going forward.
        """
        spans: list[Span] = []
        for moment_us in sorted(event.started_us for event in self._events.values()):
            if spans and moment_us < spans[-1].to_us + LONGEST_US:  # one look a day will do
                spans[-1] = spans[-1]._replace(to_us=moment_us + IDLE_US)
            else:
                spans.append(Span(self.key, moment_us, moment_us + IDLE_US))
        return spans

    def know(self, session: Session) -> None:
        """A stored session; one that is known already changes nothing."""
        if session.started_us not in self._apart:
            self._stored.setdefault(session.started_us, session)

    def take_apart(self, session: Session) -> None:
        """A stored session is no block any more; all its events must be told."""
        del self._stored[session.started_us]
        self._apart.add(session.started_us)

    def tell(self, events: Mapping[UUID, Session]) -> None:
        """Events of sessions that were taken apart; one that is new as well counts once."""
        self._events |= events

    def look_after(self, session: Session) -> list[Span]:
        """Where the successor starts of a session whose time was over; from now on that tells."""
        if session.end is not End.MAX_LENGTH:
            return []
        session.end = End.UNSPECIFIED
        return [Span(self.key, session.last_us, session.last_us + IDLE_US)]

    def split(self) -> Split:
        """What the sessions are, as far as is known now."""
        return split([*self._stored.values(), *self._events.values()])

    def gone(self, sessions: Iterable[Session]) -> set[int]:
        """Starts of stored sessions at which no session starts any more."""
        return (self._stored.keys() | self._apart) - {one.started_us for one in sessions}
