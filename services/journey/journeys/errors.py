"""Why an event is not stored, or a journey not told."""

from __future__ import annotations

from shared.errors import AlreadyExists, InvalidField, NotFound


class ClientNotFound(NotFound):
    """There is no client of that id; UpsertClient makes one."""


class ClientUnknownThen(NotFound):
    """The client was not known at that time: it was made, and its first event occurred, later."""


class InvalidEvent(InvalidField):
    """The event breaks a rule."""


class InvalidMetadata(InvalidEvent):
    """The metadata cannot be kept."""

    reason = "INVALID_PROPERTIES"


class EventTooOld(InvalidEvent):
    """The event occurred before the year 2000."""

    reason = "EVENT_TOO_OLD"


class EventInFuture(InvalidEvent):
    """The event lies more than 24 hours ahead."""

    reason = "EVENT_IN_FUTURE"


class EventConflict(AlreadyExists):
    """Another event with this event_id is stored; the first one stands."""

    reason = "EVENT_CONFLICT"
