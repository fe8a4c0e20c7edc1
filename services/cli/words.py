"""Words that commands of several services read and say: enums, times, counts."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.timestamp_pb2 import Timestamp

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_FEW = 2
"""Below so many of a unit the next smaller one is used."""


def names(enum: Any) -> list[str]:
    """What may be typed for an enum: `qualified_lead`."""
    return [_typed(value.name, enum.DESCRIPTOR) for value in enum.DESCRIPTOR.values if value.number]


def number(enum: Any, name: str) -> int:
    """The value of a typed name."""
    descriptor = enum.DESCRIPTOR
    by_name: dict[str, int] = {
        _typed(one.name, descriptor): one.number for one in descriptor.values
    }
    return by_name[name]


def typed(enum: Any, value: int) -> str:
    """As it is typed; a value that a newer service knows is its number."""
    known = enum.DESCRIPTOR.values_by_number.get(value)
    return str(value) if known is None else _typed(known.name, enum.DESCRIPTOR)


def read(enum: Any, value: int) -> str:
    """As it is read: `qualified lead`."""
    return typed(enum, value).replace("_", " ")


def time(stamp: Timestamp) -> str:
    """To the minute."""
    return f"{stamp.ToDatetime():%Y-%m-%d %H:%M} UTC"


def day(stamp: Timestamp) -> str:
    """The day, in UTC."""
    return f"{stamp.ToDatetime():%Y-%m-%d}"


def clock(stamp: Timestamp) -> str:
    """The time of the day, in UTC."""
    return f"{stamp.ToDatetime():%H:%M} UTC"


def lasting(seconds: float) -> str:
    """How long, in the largest unit of which there are some."""
    for unit, word in ((_DAY, "days"), (_HOUR, "hours"), (_MINUTE, "minutes")):
        if seconds >= _FEW * unit:
            return f"{seconds // unit:,.0f} {word}"
    return f"{seconds:,.0f} seconds"


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _typed(name: str, enum: EnumDescriptor) -> str:
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return name.removeprefix(prefix).lower()
