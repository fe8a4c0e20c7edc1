"""What the client raises, and only when it was made with `raise_errors=True`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from footfall.events.v1.event_pb2 import Event
    from footfall_client.accounts import Counts
    from footfall_client.verdicts import DropReason


class FootfallClientError(Exception):
    """Base of what this package raises."""


class EventDropped(FootfallClientError):
    """An event was given up before it left this process."""

    def __init__(self, event: Event, reason: DropReason) -> None:
        super().__init__(f"{event.type or 'event'} dropped: {reason}")
        self.event = event
        self.reason = reason


class NotDelivered(FootfallClientError):
    """Not everything tracked since the last flush was acknowledged."""

    def __init__(self, counts: Counts) -> None:
        super().__init__(
            f"{counts.pending + counts.spooled} events still wait; "
            f"{counts.rejected} rejected and {counts.dropped} dropped so far"
        )
        self.counts = counts
