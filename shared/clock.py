"""What time it is, as an argument: rules and use cases are handed a clock, so tests can hold it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Two times: one to write down, one to measure with."""

    def now(self) -> datetime:
        """The time of day, in UTC; it may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds that only ever grow; for durations and deadlines."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """The time of day, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment in the past."""
        return time.monotonic()
