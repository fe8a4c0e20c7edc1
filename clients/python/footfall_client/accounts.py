"""The accounting: an event changes its column and never leaves the sheet."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """A snapshot: `sent = acknowledged + rejected + dropped + spooled + pending`, at any time."""

    sent: int = 0
    """Handed to the client, and found in the spool of an earlier process."""
    acknowledged: int = 0
    """Stored by the server, now or before."""
    rejected: int = 0
    """Refused by the server, conflicts included."""
    dropped: int = 0
    """Given up, each one handed to `on_drop`."""
    spooled: int = 0
    """On disk and not in memory; a later process sends them if this one does not."""
    pending: int = 0
    """In memory, waiting or on their way."""

    @property
    def balanced(self) -> bool:
        """Whether the law holds."""
        parts = self.acknowledged + self.rejected + self.dropped + self.spooled + self.pending
        return self.sent == parts


class Ledger:
    """Moves events between the columns. Not thread-safe: its owner's lock guards it."""

    __slots__ = ("_acknowledged", "_dropped", "_pending", "_rejected", "_sent", "_spooled")

    def __init__(self) -> None:
        self._sent = self._acknowledged = self._rejected = 0
        self._dropped = self._spooled = self._pending = 0

    def take(self, count: int = 1) -> None:
        """Events enter, as pending."""
        self._sent += count
        self._pending += count

    def acknowledge(self, count: int) -> None:
        """Pending events are stored."""
        self._pending -= count
        self._acknowledged += count

    def reject(self, count: int) -> None:
        """Pending events are refused."""
        self._pending -= count
        self._rejected += count

    def drop(self, count: int = 1) -> None:
        """Pending events are given up."""
        self._pending -= count
        self._dropped += count

    def spool(self, count: int = 1) -> None:
        """Pending events are on disk only."""
        self._pending -= count
        self._spooled += count

    def unspool(self, count: int) -> None:
        """Events on disk are in memory again."""
        self._spooled -= count
        self._pending += count

    def counts(self) -> Counts:
        """The sheet as it stands."""
        return Counts(
            self._sent,
            self._acknowledged,
            self._rejected,
            self._dropped,
            self._spooled,
            self._pending,
        )
