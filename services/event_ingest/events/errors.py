"""Why an event is not stored. Each message says what is wrong and what is allowed."""

from __future__ import annotations

from shared.errors import AlreadyExists, DatabaseAway, InvalidField


class InvalidEvent(InvalidField):
    """The event breaks a rule."""


class UnknownEventType(InvalidEvent):
    """The event type is not registered."""

    reason = "UNKNOWN_EVENT_TYPE"


class EventTypeDeprecated(InvalidEvent):
    """The event type was deprecated and its last day has passed."""

    reason = "EVENT_TYPE_DEPRECATED"


class SchemaViolated(InvalidEvent):
    """The properties do not satisfy the JSON Schema of the event's type."""

    reason = "SCHEMA_VIOLATED"


class InvalidProperties(InvalidEvent):
    """The properties cannot be kept."""

    reason = "INVALID_PROPERTIES"


class EventTooOld(InvalidEvent):
    """The event is older than the organisation keeps."""

    reason = "EVENT_TOO_OLD"


class EventInFuture(InvalidEvent):
    """The event lies more than 24 hours ahead."""

    reason = "EVENT_IN_FUTURE"


class CurrencyMismatch(InvalidEvent):
    """The cost is in another currency than the organisation's."""

    reason = "CURRENCY_MISMATCH"


class EventConflict(AlreadyExists):
    """Another event with this event_id is stored; the first one stands."""

    reason = "EVENT_CONFLICT"


class StorageBehind(DatabaseAway):
    """The tables have no place for this event yet: the worker, or `footfall migrate`, must run."""
