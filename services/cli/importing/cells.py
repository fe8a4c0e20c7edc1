"""How a cell of a file becomes the value of a field: by the field's type, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from footfall.events.v1.event_pb2 import Event
from footfall_client.wire import to_money
from services.cli.importing.fields import Field
from services.cli.importing.times import Times

Put = Callable[[Event, Any], None]
"""Puts the value of a cell into an event; ValueError when it does not fit."""

_MICROS = 1_000_000
_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_WHOLE = frozenset({FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64})


def putting(field: Field, times: Times) -> Put:
    """How cells get into the field."""
    *way, last = field.path
    if field.message == "google.protobuf.Timestamp":
        return lambda event, cell: _reach(event, way, last).CopyFrom(_timestamp(times, cell))
    if field.message == "google.type.Money":
        return lambda event, cell: _put_money(_reach(event, way, last), cell)
    if field.message:
        return lambda event, cell: _put_message(_reach(event, way, last), cell)
    read = _reader(field.descriptor)
    if not way:
        return lambda event, cell: setattr(event, last, read(cell))
    return lambda event, cell: setattr(_reach(event, way), last, read(cell))


def as_property(cell: Any) -> Any:
    """A cell as JSON: a text that is a number or a truth becomes one, unless that loses digits."""
    if not isinstance(cell, str):
        return cell if isinstance(cell, int | float | bool | list | dict) else str(cell)
    if cell in {"true", "false"}:
        return cell == "true"
    try:
        number = int(cell)
    except ValueError:
        return _decimal(cell)
    return number if str(number) == cell else cell


def _decimal(cell: str) -> Any:
    """`2.50` is a number; `1e5`, `nan`, `007.5` and `1_0.0` are not taken for one."""
    whole, dot, rest = cell.removeprefix("-").partition(".")
    plain = whole.isdecimal() and rest.isdecimal() and (whole == "0" or whole[0] != "0")
    return float(cell) if dot and plain and cell.isascii() else cell


def _reach(event: Event, way: list[str], last: str = "") -> Any:
    message: Any = event
    for step in way:
        message = getattr(message, step)
    return getattr(message, last) if last else message


def _reader(descriptor: FieldDescriptor) -> Callable[[Any], Any]:
    if descriptor.enum_type is not None:
        names = _names(descriptor.enum_type)
        return lambda cell: _number(names, cell)
    if descriptor.type in _WHOLE:
        return _whole
    if descriptor.type == FieldDescriptor.TYPE_BOOL:
        return _truth
    return float if descriptor.type == FieldDescriptor.TYPE_DOUBLE else str


def _whole(cell: Any) -> int:
    number = Decimal(str(cell)) if _is_decimal(cell) else None
    if number is None or number != int(number):
        raise ValueError(f"{cell!r} is no whole number")
    return int(number)


def _is_decimal(cell: Any) -> bool:
    try:
        return Decimal(str(cell)).is_finite()
    except ArithmeticError:
        return False


def _truth(cell: Any) -> bool:
    try:
        return _WORDS[str(cell).lower()]
    except KeyError:
        raise ValueError(f"{cell!r} is neither true nor false") from None


def _names(enum: EnumDescriptor) -> Mapping[str, int]:
    """`high` and `IMPACT_HIGH` are the same."""
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    numbers = {value.name.lower(): value.number for value in enum.values}
    return {**{name.removeprefix(prefix.lower()): n for name, n in numbers.items()}, **numbers}


def _number(names: Mapping[str, int], cell: Any) -> int:
    if isinstance(cell, int):
        return cell
    try:
        return names[str(cell).lower()]
    except KeyError:
        known = ", ".join(name for name in names if "_" not in name and name != "unspecified")
        raise ValueError(f"{cell!r} is none of {known}") from None


def _timestamp(times: Times, cell: Any) -> Timestamp:
    seconds, micros = divmod(times.read(cell), _MICROS)
    return Timestamp(seconds=seconds, nanos=micros * 1000)


def _put_money(money: Any, cell: Any) -> None:
    """`12.50`, `12.50 EUR` or `EUR 12.50`; without a currency it is the organisation's."""
    if isinstance(cell, Mapping):
        _put_message(money, cell)
        return
    words = str(cell).split()
    currency = "".join(word for word in words if word.isalpha())
    amount = "".join(word for word in words if not word.isalpha())
    money.MergeFrom(to_money(amount, currency))


def _put_message(message: Message, cell: Any) -> None:
    """An object in the JSON form of its proto, as JSONL has it."""
    value = json.loads(cell) if isinstance(cell, str) else cell
    try:
        ParseDict(value, message)
    except (ParseError, TypeError, AttributeError) as error:
        raise ValueError(str(error)) from None
