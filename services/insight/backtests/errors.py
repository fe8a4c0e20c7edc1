"""What can be wrong with the question how right the detectors were."""

from __future__ import annotations

from shared.errors import InvalidField, Violation


class IntervalBackwards(InvalidField):
    """The interval holds no day."""

    @classmethod
    def refused(cls) -> IntervalBackwards:
        """Names the field and what is allowed."""
        return cls(violations=[Violation("interval.end_time", "must lie after start_time")])
