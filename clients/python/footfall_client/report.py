"""Telling the host what it must know: by its callbacks, by the log, and never by a surprise."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from footfall.events.v1.event_ingest_pb2 import EventResult, Verdict
from footfall.events.v1.event_pb2 import Event
from footfall_client.retry import Failure
from footfall_client.verdicts import DropCode, Dropped, DropReason, Notice, Rejected

T = TypeVar("T")
_logger = logging.getLogger("footfall_client")

_REASONS_REMEMBERED = 1000

OnDrop = Callable[[Event, DropReason], object]
OnReject = Callable[[Event, EventResult], object]


@dataclass(slots=True)
class Reporter:
    """Hands on what became of events.

    Callbacks run in the thread that learned of the matter, outside of any lock; what they raise is
    logged. The log names reasons and never the content of an event.
    """

    on_drop: OnDrop | None = None
    on_reject: OnReject | None = None
    _seen: Counter[str] = field(default_factory=Counter)

    def tell(self, notices: Iterable[Notice]) -> None:
        """Hand each on."""
        for notice in notices:
            match notice:
                case Dropped(event, reason):
                    self.dropped(event, reason)
                case Rejected(event, result):
                    self.rejected(event, result)

    def dropped(self, event: Event, reason: DropReason) -> None:
        # Other details may quote what the caller passed, and that may be personal.
        told = reason if reason.code is DropCode.CALL_FAILED else reason.code
        self._note(f"dropped ({told})")
        if self.on_drop is not None:
            _guarded(self.on_drop, event, reason)

    def rejected(self, event: Event, result: EventResult) -> None:
        self._note(f"rejected ({_name(result)})")
        if self.on_reject is not None:
            _guarded(self.on_reject, event, result)

    def waiting(self, failure: Failure) -> None:
        """The first failure after a success."""
        _logger.warning("events wait, the server does not take them: %s", failure)

    def delivering(self) -> None:
        """The first success after a failure."""
        _logger.info("events are delivered again")

    def spool_lost(self, error: OSError) -> None:
        """A forked child could not open a spool of its own."""
        _logger.error("spool: %s; events are kept in memory only", error.strerror or error)

    def _note(self, what: str) -> None:
        # The 1st, 2nd, 4th, 8th … time: a flood of drops must not become a flood of log lines.
        if len(self._seen) > _REASONS_REMEMBERED:
            self._seen.clear()
        self._seen[what] += 1
        times = self._seen[what]
        if times & (times - 1) == 0:
            _logger.warning("event %s, %d so far", what, times)


def _guarded(callback: Callable[[Event, T], object], event: Event, what: T) -> None:
    try:
        callback(event, what)
    except Exception:
        _logger.exception("a callback of the host failed")


def _name(result: EventResult) -> str:
    try:
        return result.reason or Verdict.Name(result.verdict)
    except ValueError:  # a newer server's word
        return f"verdict {result.verdict}"
