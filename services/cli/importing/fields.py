"""The fields of an event by their names, and the names that columns have for them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from footfall.events.v1.event_pb2 import Event, EventContext

PROPERTIES = frozenset({"properties", "properties_json"})

ALIASES: Mapping[str, tuple[str, ...]] = {
    "occurred_at": ("timestamp", "time", "ts", "datetime", "date", "unix_ts", "local_ts"),
    "type": ("event", "event_type", "event_name"),
    "event_id": ("id", "uuid"),
    "user_id": ("user", "distinct_id"),
    "session_id": ("session",),
    "client_id": ("client", "account", "account_id"),
    "feature": ("tool",),
}
"""Names that columns often have, by the field that they mean."""


class NoSuchField(ValueError):
    """An event has no such field."""


@dataclass(frozen=True, slots=True)
class Field:
    """A place in an event: the way to it, and what it holds."""

    path: tuple[str, ...]
    descriptor: FieldDescriptor

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def message(self) -> str:
        """The full name of the message that it holds; empty for plain values."""
        held = self.descriptor.message_type
        return held.full_name if held is not None else ""


def field_of(name: str) -> Field:
    """The field of that name, such as `user_id`, `context.os` or `model_request.model`."""
    descriptor: Descriptor | None = Event.DESCRIPTOR
    found: FieldDescriptor | None = None
    path: list[str] = []
    for part in name.split("."):
        found = descriptor.fields_by_name.get(part) if descriptor is not None else None
        if found is None:
            raise NoSuchField(f"An event has no field {name!r}{_nearest(name)}.")
        path.append(found.name)
        descriptor = found.message_type
    assert found is not None
    return Field(tuple(path), found)


def default_field(column: str) -> Field | None:
    """The field that a column means by its own name; None for a property."""
    if "." in column:
        try:
            return field_of(column)
        except NoSuchField:
            return None
    wanted = _squeezed(column)
    for name, field in _known_names():
        if _squeezed(name) == wanted:
            return field
    return None


def _known_names() -> Iterator[tuple[str, Field]]:
    """What a column may be called: fields first, then the circumstances, then the aliases."""
    for descriptor in Event.DESCRIPTOR.fields:
        yield descriptor.name, Field((descriptor.name,), descriptor)
    for descriptor in EventContext.DESCRIPTOR.fields:
        yield descriptor.name, Field(("context", descriptor.name), descriptor)
    for name, others in ALIASES.items():
        for other in others:
            yield other, field_of(name)


def _squeezed(name: str) -> str:
    """`User ID`, `userId` and `user_id` are one name."""
    return "".join(char for char in name.lower() if char.isalnum())


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, (known for known, _ in _known_names()), n=1)
    return f"; did you mean {near[0]!r}" if near else ""
