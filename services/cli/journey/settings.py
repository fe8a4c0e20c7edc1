"""The rules of an organisation, read from the command line and shown on it.

Every setting has a name: `risks.late_invoices.points`, `thresholds.tickets_min`, `quiet_hours`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import click
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from rich.table import Table
from rich.text import Text

from footfall.journey.v1 import journey_pb2
from footfall.journey.v1.settings_pb2 import ContactCap, JourneySettings, QuietHours
from services.cli.journey import words

NONE = "none"

_RULES: Mapping[str, tuple[str, Any]] = {
    "stages": ("stage", journey_pb2.Stage),
    "risks": ("risk", journey_pb2.Risk),
    "actions": ("action", journey_pb2.Action),
    "levels": ("level", journey_pb2.RiskLevel),
}
"""Lists of rules, the field that says of what each is, and its enum."""

_GROUPS = ("thresholds", "learning")
_PLAIN = ("cooldown_days", "expiry_minutes", "signals_fresh_hours")
_ENUMS = {
    enum.DESCRIPTOR.full_name: enum
    for enum in (journey_pb2.Action, journey_pb2.Channel, journey_pb2.Priority)
}
_TRUTHS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_ALL = "all"
_CAP = re.compile(r"([a-z_]+):([0-9]{1,9})/([0-9]{1,9})")
_HOURS = re.compile(r"([0-9]{1,2}):([0-9]{2})-([0-9]{1,2}):([0-9]{2})")
_HOUR, _DAY = 60, 24 * 60


@dataclass(frozen=True, slots=True)
class Setting:
    """One that is a field: its name, where it is, and the way to that in a wish."""

    name: str
    message: Message
    field: FieldDescriptor
    part: str
    """The field of the settings that it is in, or is."""

    @property
    def value(self) -> str:
        """As it is typed."""
        found = getattr(self.message, self.field.name)
        if isinstance(found, str | bool):
            return found if isinstance(found, str) else str(found).lower()
        if (enum := _enum(self.field)) is None:
            return f"{found:g}"
        values = found if isinstance(found, Sequence) else [found]
        return ",".join(words.typed(enum, value) for value in values) or NONE

    def set(self, text: str) -> None:
        """Raises ValueError when the text is no value of it."""
        if (enum := _enum(self.field)) is None:
            setattr(self.message, self.field.name, _plain(self.field, text))
        elif isinstance(getattr(self.message, self.field.name), int):
            setattr(self.message, self.field.name, _member(enum, text))
        else:
            chosen = [] if text == NONE else [_member(enum, one) for one in text.split(",")]
            del getattr(self.message, self.field.name)[:]
            getattr(self.message, self.field.name).extend(chosen)


def changed(changes: Iterable[str], current: JourneySettings) -> JourneySettings:
    """What `name=value` pairs ask for: what is named and no more, on top of the current version."""
    after, wish = JourneySettings(), JourneySettings(etag=current.etag)
    after.CopyFrom(current)
    known = {one.name: one for one in settings(after)}
    for change in changes:
        name, _, text = (part.strip() for part in change.partition("="))
        try:
            if name == "caps":
                _set_caps(wish, text)
            elif name == "quiet_hours":
                wish.quiet_hours.CopyFrom(_hours(text))
            else:
                _named(known, name).set(text)
                _take(wish, known[name])
        except ValueError as error:
            raise click.UsageError(f"{change!r} is no change: {error}.") from None
    return wish


def table(current: JourneySettings) -> Table:
    """Every setting with its value."""
    shown = Table(box=None, pad_edge=False, show_header=False)
    shown.add_column(no_wrap=True)
    shown.add_column(overflow="fold")
    shown.add_row("version", _version(current))
    for one in settings(current):
        shown.add_row(one.name, Text(one.value))
    shown.add_row("caps", ",".join(map(_cap, current.caps)) or NONE)
    hours = current.quiet_hours
    silent = hours.from_minute != hours.to_minute
    ends = f"{_clock(hours.from_minute)}-{_clock(hours.to_minute)}"
    shown.add_row("quiet_hours", ends if silent else NONE)
    return shown


def settings(of: JourneySettings) -> Iterator[Setting]:
    """All that are fields, in the order of the contract."""
    for part, (about, enum) in _RULES.items():
        for rule in getattr(of, part):
            of_what = words.typed(enum, getattr(rule, about))
            for field in rule.DESCRIPTOR.fields:
                if field.name != about:
                    yield Setting(f"{part}.{of_what}.{field.name}", rule, field, part)
    for part in _GROUPS:
        group = getattr(of, part)
        for field in group.DESCRIPTOR.fields:
            yield Setting(f"{part}.{field.name}", group, field, part)
    for name in _PLAIN:
        yield Setting(name, of, of.DESCRIPTOR.fields_by_name[name], name)


def _take(wish: JourneySettings, one: Setting) -> None:
    """A rule changes as a whole, everything else by itself."""
    if one.part not in _RULES:
        holder = getattr(wish, one.part) if one.part in _GROUPS else wish
        setattr(holder, one.field.name, getattr(one.message, one.field.name))
        return
    about, _ = _RULES[one.part]
    rules = getattr(wish, one.part)
    for rule in rules:
        if getattr(rule, about) == getattr(one.message, about):
            rule.CopyFrom(one.message)
            return
    rules.add().CopyFrom(one.message)


def _named(known: Mapping[str, Setting], name: str) -> Setting:
    if name not in known:
        near = get_close_matches(name, [*known, "caps", "quiet_hours"], 3, 0.4)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise click.UsageError(f"There is no setting {name!r}.{hint}")
    return known[name]


def _enum(field: FieldDescriptor) -> Any:
    return _ENUMS[field.enum_type.full_name] if field.enum_type is not None else None


def _member(enum: Any, text: str) -> int:
    known = words.names(enum)
    if text.strip() not in known:
        raise ValueError(f"{text.strip()!r} is none of {', '.join(known)}")
    return words.number(enum, text.strip())


def _plain(field: FieldDescriptor, text: str) -> str | bool | float:
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return text
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        if text not in _TRUTHS:
            raise ValueError("it takes true or false")
        return _TRUTHS[text]
    whole = field.cpp_type == FieldDescriptor.CPPTYPE_INT32
    try:
        return int(text) if whole else float(text)
    except ValueError:
        raise ValueError("it takes a whole number" if whole else "it takes a number") from None


def _set_caps(wish: JourneySettings, text: str) -> None:
    wish.replace_caps = True
    del wish.caps[:]
    for one in [] if text == NONE else text.split(","):
        found = _CAP.fullmatch(one.strip())
        if found is None:
            raise ValueError("it takes none, or CHANNEL:CONTACTS/DAYS such as email:2/7,all:5/30")
        channel, contacts, days = found.groups()
        wanted = 0 if channel == _ALL else _member(journey_pb2.Channel, channel)
        wish.caps.add(
            channel=journey_pb2.Channel.ValueType(wanted),
            max_contacts=int(contacts),
            days=int(days),
        )


def _cap(one: ContactCap) -> str:
    channel = words.typed(journey_pb2.Channel, one.channel) if one.channel else _ALL
    return f"{channel}:{one.max_contacts}/{one.days}"


def _hours(text: str) -> QuietHours:
    if text == NONE:
        return QuietHours()
    found = _HOURS.fullmatch(text)
    if found is None:
        raise ValueError("it takes none, or hours such as 22:00-07:00")
    hour, minute, to_hour, to_minute = map(int, found.groups())
    begins, ends = hour * _HOUR + minute, to_hour * _HOUR + to_minute
    if max(minute, to_minute) >= _HOUR or begins >= _DAY or ends > _DAY:
        raise ValueError("hours go from 00:00 to 24:00, and minutes to 59")
    if begins == ends % _DAY:
        raise ValueError("it begins when it ends: say none, or leave a minute between")
    return QuietHours(from_minute=begins, to_minute=ends % _DAY)


def _clock(minutes: int) -> str:
    return f"{minutes // _HOUR:02}:{minutes % _HOUR:02}"


def _version(current: JourneySettings) -> Text:
    if not current.version:
        return Text("the defaults")
    return Text(f"{current.version}, by {current.changed_by} on {words.time(current.changed_at)}")
