"""What can be wrong with a change of the registry."""

from __future__ import annotations

from collections.abc import Iterable

from shared.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidField,
    NotFound,
    StaleEtag,
    Violation,
)


class EventTypeNotFound(NotFound):
    """The event type is not registered."""


class EventTypeExists(AlreadyExists):
    """An event type of this name is registered already; built-in names are taken."""


class EventTypeStale(StaleEtag):
    """The event type was changed since it was read: read again, merge, retry."""


class TooManyEventTypes(FailedPrecondition):
    """The organisation has 1,000 event types of its own, which is the limit."""


class BuiltInStays(FailedPrecondition):
    """A built-in event type cannot be deprecated."""


class SetByTheServer(InvalidField):
    """Some fields are set by the server alone."""

    @classmethod
    def among(cls, names: Iterable[str]) -> SetByTheServer:
        """Names the fields of the event type."""
        told = "OUTPUT_ONLY_FIELD: set by the server; leave it empty, or as it was read"
        return cls(violations=[Violation(f"event_type.{name}", told) for name in names])


class SchemaInvalid(InvalidField):
    """The schema cannot be enforced."""

    @classmethod
    def because(cls, problem: str) -> SchemaInvalid:
        """Names the field and what is wrong with it."""
        return cls(violations=[Violation("event_type.properties_schema", problem)])
