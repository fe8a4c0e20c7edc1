"""Rows of a file as clients: which column is which field, and what its cells say.

A column that nobody mapped goes by its name; one that is no field of a client is left out, and that
is said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from footfall.journey.v1.clients_pb2 import Client
from services.cli.importing.mapping import MappingRefused
from services.cli.importing.sources import BadRow, Row
from services.cli.telling import is_text, shortened, shown

ALIASES: Mapping[str, tuple[str, ...]] = {
    "client_id": ("id", "client", "customer_id", "customer", "account_id", "account"),
    "name": ("client_name", "customer_name", "account_name", "company", "full_name"),
    "email": ("email_address", "mail"),
    "ai_score": ("score", "lead_score"),
    "status": ("client_status",),
    "owner": ("account_owner", "account_manager", "owner_id", "rep"),
    "tags": ("labels", "tag"),
    "time_zone": ("tz",),
    "do_not_contact": ("dnc", "opt_out", "opted_out", "unsubscribed"),
    "segment": ("cohort",),
}
"""The fields of a client that a file may have, and names that columns often have for them."""

_TRUTHS = {
    **dict.fromkeys(("true", "1", "yes", "y", "x"), True),
    **dict.fromkeys(("false", "0", "no", "n"), False),
}
_SAY_NOTHING_WHEN_EMPTY = frozenset({"do_not_contact"})
"""Who wants no contact has said so once: a cell that is left empty takes nothing back."""

_BETWEEN_TAGS = re.compile(r"[,;|]")


class NoSuchField(ValueError):
    """A client has no such field."""


@dataclass(frozen=True, slots=True)
class Sketch:
    """What a row says of a client: the fields that it has a column for; None empties one."""

    row: int
    client_id: str
    says: Mapping[str, Any]

    def on(self, kept: Client | None) -> Client:
        """The client as it is to be: what the file does not speak of stays as it was."""
        client = Client(client_id=self.client_id)
        if kept is not None:
            client.CopyFrom(kept)
        for name, value in self.says.items():
            client.ClearField(name)  # type: ignore[arg-type]
            if name == "tags":
                client.tags.extend(value or [])
            elif value is not None:
                setattr(client, name, value)
        return client


@dataclass(slots=True)
class Mapper:
    """Reads rows by the columns that were named, and guesses the rest."""

    by_hand: Mapping[str, str] = field(default_factory=dict)
    """Field to column."""
    leave_out: frozenset[str] = frozenset()
    ignored: set[str] = field(default_factory=set)
    """Columns that are no field of a client."""
    _known: dict[tuple[str, ...], Mapping[str, str]] = field(default_factory=dict)

    def check(self, columns: Sequence[str]) -> Mapping[str, str]:
        """Field to column, for these columns. Raises MappingRefused."""
        named = {*self.by_hand.values(), *self.leave_out}
        if missing := sorted(named - set(columns)):
            raise MappingRefused(
                f"The file has no column {', '.join(missing)}; it has {', '.join(columns)}."
            )
        found = self.columns(columns)
        if "client_id" not in found:
            raise MappingRefused(
                "Say which column is your id of the client: --map client_id=COLUMN. The columns "
                f"are {', '.join(columns)}."
            )
        return found

    def columns(self, columns: Iterable[str]) -> Mapping[str, str]:
        """Field to column: as was said, else by its own name, else by one that is often used."""
        there = tuple(columns)
        if there not in self._known:
            self._known[there] = self._guessed(there)
        return self._known[there]

    def sketch(self, row: Row) -> Sketch | BadRow:
        """The client of the row, or why there is none."""
        columns = self.columns(row.values)
        says: dict[str, Any] = {}
        for name, column in columns.items():
            read: Callable[[Any], Any] = _READERS.get(name, _text)
            try:
                says[name] = read(row.values.get(column))
            except ValueError as error:
                return BadRow(row.number, f"{named(name, columns)}: {error}")
            if name in _SAY_NOTHING_WHEN_EMPTY and says[name] is None:
                del says[name]
        client_id = says.pop("client_id", None)
        if client_id is None:
            return BadRow(row.number, f"{named('client_id', columns)}: empty")
        return Sketch(row.number, client_id, says)

    def _guessed(self, there: Sequence[str]) -> Mapping[str, str]:
        found = {name: column for name, column in self.by_hand.items() if column in there}
        free = {_squeezed(one): one for one in reversed(there)
                if one not in {*found.values(), *self.leave_out}}  # fmt: skip
        for name, others in ALIASES.items():
            called = (free.pop(_squeezed(one), None) for one in (name, *others))
            column = next((one for one in called if one is not None), None)
            if name not in found and column is not None:
                found[name] = column
        self.ignored |= {shown(one) for one in {*there} - {*found.values(), *self.leave_out}}
        return found


def field_named(name: str) -> str:
    """The field of that name. Raises NoSuchField."""
    if name in ALIASES:
        return name
    near = get_close_matches(name, ALIASES, n=1)
    hint = f"; did you mean {near[0]!r}" if near else ""
    raise NoSuchField(f"A client has no field {name!r}{hint}. It has {', '.join(ALIASES)}.")


def named(name: str, columns: Mapping[str, str]) -> str:
    """A field with its column, where that is called otherwise."""
    column = columns.get(name, name)
    return name if column == name else f"{name} (column {column})"


def _text(cell: Any) -> str | None:
    """Texts as they are; a number as it is written, so that 7.0 of a table is the id 7."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, list | dict | bool):
        raise ValueError("is no text")
    if not is_text(cell):
        raise ValueError(f"{shortened(cell)!r} holds half of a character")
    return None if cell is None else str(cell).strip() or None


def _number(cell: Any) -> float | None:
    """A number; -0 is 0, so that the same score is the same client."""
    text = _text(cell)
    try:
        return None if text is None else float(text) + 0.0
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None


def _truth(cell: Any) -> bool | None:
    if isinstance(cell, bool):
        return cell
    text = _text(cell)
    if text is not None and text.lower() not in _TRUTHS:
        raise ValueError(f"{text!r} is neither true nor false")
    return None if text is None else _TRUTHS[text.lower()]


def _tags(cell: Any) -> list[str] | None:
    """A list, or a text with commas, semicolons or bars between; each tag once."""
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            raise ValueError(f"{shortened(cell)!r} is no list in JSON") from None
    given = cell if isinstance(cell, list) else _BETWEEN_TAGS.split(_text(cell) or "")
    return list(dict.fromkeys(tag for one in given if (tag := _text(one)))) or None


_READERS: dict[str, Callable[[Any], Any]] = {
    "ai_score": _number,
    "do_not_contact": _truth,
    "tags": _tags,
}


def _squeezed(name: str) -> str:
    """`Client ID`, `clientId` and `client_id` are one name."""
    return "".join(char for char in name.lower() if char.isalnum())
