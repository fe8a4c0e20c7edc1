"""Every number that can be turned, with the defaults that suit a web backend."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

ImpactName = Literal["low", "medium", "high"]

SERVER_MESSAGE_BYTES = 4 * 1024 * 1024
SERVER_BATCH_EVENTS = 1000


class Sync(StrEnum):
    """When spooled events are forced to the disk itself.

    The death of the process harms none of them under any policy; this is about the machine's. Under
    ALWAYS every `track` waits for the disk.
    """

    NEVER = "never"
    INTERVAL = "interval"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolOptions:
    """Where and how events are written before they are sent."""

    directory: str | Path
    """May be shared by many processes: each writes a folder of its own in it, and takes over the
    folders of processes that are no more when it starts."""
    max_bytes: int = 256 * 1024 * 1024
    """What this process may occupy, what it took over included. Beyond it events are dropped."""
    segment_bytes: int = 4 * 1024 * 1024
    """Size of one file. A file is deleted when all its events have their verdict."""
    sync: Sync = Sync.INTERVAL
    sync_interval: float = 1.0
    """Seconds between two syncs under `Sync.INTERVAL`."""

    def __post_init__(self) -> None:
        _positive(self, "max_bytes", "segment_bytes", "sync_interval")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a client gathers, sends and keeps events. Times are in seconds."""

    flush_at: int = 50
    """Send when so many events wait ..."""
    flush_interval: float = 5.0
    """... or when the oldest has waited so long ..."""
    flush_impacts: frozenset[ImpactName] = frozenset({"high"})
    """... or at once when an event of such impact comes."""
    max_batch_events: int = 500
    """A batch grows up to this when more is waiting. The server takes 1,000."""
    max_batch_bytes: int = 3 * 1024 * 1024
    """Likewise in bytes. The server takes 4 MiB."""
    max_event_bytes: int = 900 * 1024
    """A larger event is dropped. (The server refuses properties above 64 KiB.)"""
    max_queue_events: int = 10_000
    """What may wait in memory ..."""
    max_queue_bytes: int = 64 * 1024 * 1024
    """... and how large it may be."""
    max_in_flight: int = 2
    """Batches on their way at the same time."""
    call_timeout: float = 15.0
    """Deadline of one call. One that passed it is made again: the server knows the ids."""
    backoff_base: float = 0.25
    """The first pause after a failure is at most this, each further one twice that ..."""
    backoff_cap: float = 30.0
    """... and never longer than this, unless the server asks for more by RetryInfo."""
    exit_timeout: float = 2.0
    """How long the exit of the process may be held up to deliver what waits."""
    sessions: bool = False
    """Give events without a `session_id` one of this process, renewed after 30 idle minutes.

    Leave it off where several processes serve the same user: the server finds sessions itself."""
    spool: SpoolOptions | None = None

    def __post_init__(self) -> None:
        _positive(
            self,
            *("flush_at", "flush_interval", "max_batch_events", "max_batch_bytes"),
            *("max_event_bytes", "max_queue_events", "max_queue_bytes", "max_in_flight"),
            *("call_timeout", "backoff_base", "backoff_cap"),
        )
        if self.max_batch_events > SERVER_BATCH_EVENTS:
            raise ValueError(f"max_batch_events: at most {SERVER_BATCH_EVENTS}")
        if self.max_batch_bytes + self.max_event_bytes > SERVER_MESSAGE_BYTES:
            raise ValueError("max_batch_bytes + max_event_bytes: at most 4 MiB")


def _positive(options: object, *names: str) -> None:
    for name in names:
        if not getattr(options, name) > 0:
            raise ValueError(f"{name}: must be above 0")
