"""Which column is which field, and rows into events by it.

What nobody mapped goes by its name: a column called as a field (or nearly) is that field, every
other one is a property.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from footfall.events.v1.event_pb2 import Event
from services.cli.importing.cells import Put, as_property, putting
from services.cli.importing.fields import PROPERTIES, default_field, field_of
from services.cli.importing.sources import BadRow, Row
from services.cli.importing.times import NoZone, Times
from shared import ids
from shared.refusal import StartRefused

_COLUMN = re.compile(r"\{([^{}]+)\}")
_to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class MappingRefused(StartRefused):
    """The mapping does not fit the file; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the operator said about the columns."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """Field to column, or to a text with columns in braces."""
    type: str | None = None
    """The type of rows that do not say theirs."""
    leave_out: frozenset[str] = frozenset()

    @property
    def taken(self) -> set[str]:
        """The columns that the mapping names."""
        return {column for text in self.columns.values() for column in columns_in(text)}


class _Way(Enum):
    """Where a column goes that is no single field."""

    PROPERTY = "a property of its own name"
    PROPERTIES = "an object of properties"
    NOWHERE = "nowhere: left out, or mapped by hand"


class Mapper:
    """Makes the event of a row; the same row of the same source is always the same event."""

    def __init__(self, source: str, wish: Wish, times: Times) -> None:
        self._source = source
        self._wish = wish
        self._times = times
        self._by_hand = [
            (text, _COLUMN.findall(text), putting(field_of(name), times))
            for name, text in wish.columns.items()
        ]
        self._ways: dict[str, Put | _Way] = dict.fromkeys(wish.taken | wish.leave_out, _Way.NOWHERE)
        self._equals: Counter[bytes] = Counter()

    @property
    def doubts(self) -> Mapping[str, int]:
        """How many local times were doubtful, by what was doubtful."""
        return {str(what): count for what, count in self._times.doubts.items()}

    def check(self, columns: Sequence[str]) -> None:
        """Refuse a mapping that does not fit the columns of the file."""
        if missing := sorted((self._wish.taken | self._wish.leave_out) - set(columns)):
            raise MappingRefused(
                f"The file has no column {', '.join(missing)}; it has {', '.join(columns)}."
            )
        mapped = {known.name for each in columns if (known := default_field(each))}
        mapped |= set(self._wish.columns) | ({"type"} if self._wish.type else set())
        hints = {
            "occurred_at": "when it happened: --map occurred_at=COLUMN",
            "type": "what happened: --map type=COLUMN, or --type NAME for all rows",
        }
        for name, hint in hints.items():
            if name not in mapped:
                raise MappingRefused(f"Say {hint}. The columns are {', '.join(columns)}.")

    def pass_over(self, row: Row) -> None:
        """Note a row that is not sent, so that an equal one further down keeps its id."""
        self._ordinal(row.text)

    def event(self, row: Row) -> Event | BadRow:
        """The event of the row, or why there is none."""
        ordinal = self._ordinal(row.text)
        event = Event()
        try:
            self._fill(event, row.values)
            if not event.event_id:
                event.event_id = self._derived_id(event, row.text, ordinal)
        except NoZone:
            raise MappingRefused(
                f"Row {row.number} has a local time without a zone. Say in which one the file was "
                "written, such as --time-zone America/New_York or --time-zone UTC."
            ) from None
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            return BadRow(row.number, str(error))
        return event

    def _fill(self, event: Event, values: Mapping[str, Any]) -> None:
        properties: dict[str, Any] = {}
        for column, cell in values.items():
            if cell is None or cell == "":
                continue
            way = self._ways.get(column) or self._learn(column)
            if way is _Way.PROPERTY:
                properties[column] = as_property(cell)
            elif way is _Way.PROPERTIES:
                properties.update(_object(cell))
            elif not isinstance(way, _Way):
                _put(way, event, column, cell)
        for text, columns, put in self._by_hand:
            cell = _composed(text, columns, values) if columns else values.get(text)
            if cell is not None and cell != "":
                _put(put, event, text, cell)
        event.type = event.type or self._wish.type or _nothing("type")
        if properties:
            event.properties_json = _to_json(properties)

    def _learn(self, column: str) -> Put | _Way:
        """Where the column goes by its name, asked at its first cell."""
        known = default_field(column)
        way: Put | _Way = _Way.PROPERTY
        if known is not None and known.name in PROPERTIES:
            way = _Way.PROPERTIES
        elif known is not None and known.name not in self._wish.columns:
            way = putting(known, self._times)
        self._ways[column] = way
        return way

    def _ordinal(self, text: str) -> int:
        """How many rows of the same text came before."""
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        self._equals[digest] += 1
        return self._equals[digest] - 1

    def _derived_id(self, event: Event, text: str, ordinal: int) -> str:
        if not event.HasField("occurred_at"):
            _nothing("occurred_at")
        milliseconds = event.occurred_at.ToMilliseconds()
        return ids.text(ids.derived_uuid7(milliseconds, self._source, text, str(ordinal)))


def columns_in(text: str) -> list[str]:
    """The columns that a mapping names: all in braces, or the text itself."""
    return _COLUMN.findall(text) or [text]


def _composed(text: str, columns: Sequence[str], values: Mapping[str, Any]) -> str | None:
    """The text with its columns filled in; nothing when one of them is empty."""
    for column in columns:
        cell = values.get(column)
        if cell is None or cell == "":
            return None
        text = text.replace(f"{{{column}}}", str(cell))
    return text


def _put(put: Put, event: Event, column: str, cell: Any) -> None:
    try:
        put(event, cell)
    except NoZone:
        raise
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{column}: {error}") from None


def _object(cell: Any) -> Mapping[str, Any]:
    value = json.loads(cell) if isinstance(cell, str) else cell
    if not isinstance(value, dict):
        raise TypeError("properties: no JSON object")
    return value


def _nothing(name: str) -> str:
    raise ValueError(f"{name}: empty")
