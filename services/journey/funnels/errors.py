"""What can be wrong with a question about the way between stages."""

from __future__ import annotations

from shared.errors import InvalidField, Violation


class IntervalEmpty(InvalidField):
    """The interval holds no time."""

    @classmethod
    def refused(cls, *, ends: bool) -> IntervalEmpty:
        """Names the field and what is allowed; an interval without an end ends at `as_of`."""
        if ends:
            return cls(violations=[Violation("interval.end_time", "must lie after start_time")])
        return cls(violations=[Violation("interval.start_time", "must lie before as_of")])


class IntervalTooLong(InvalidField):
    """The interval is longer than ten years."""

    @classmethod
    def refused(cls) -> IntervalTooLong:
        """Names the field and what is allowed."""
        return cls(violations=[Violation("interval", "must not be longer than ten years")])
