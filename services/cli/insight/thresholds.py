"""Thresholds of the detectors, read from the command line and shown on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

import click
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from rich.table import Table
from rich.text import Text

from footfall.insights.v1.settings_pb2 import DetectorSettings

_KEPT_BY_THE_SERVER = {"version", "etag", "changed_by", "changed_at"}


def changed(changes: Iterable[str], etag: str) -> DetectorSettings:
    """What `name=value` pairs ask for, on top of the version of that etag."""
    wish = DetectorSettings(etag=etag)
    for change in changes:
        name, _, text = change.partition("=")
        place, field = _named(wish, name.strip())
        try:
            value = int(text) if field.cpp_type == FieldDescriptor.CPPTYPE_INT32 else float(text)
            setattr(place, field.name, value)
        except ValueError:
            whole = "WHOLE_" if field.cpp_type == FieldDescriptor.CPPTYPE_INT32 else ""
            told = f"{change!r} is no change: it takes {name}={whole}NUMBER."
            raise click.UsageError(told) from None
    return wish


def table(settings: DetectorSettings) -> Table:
    """Every threshold with its value."""
    shown = Table(box=None, pad_edge=False, show_header=False)
    shown.add_row("version", _version(settings))
    for name, place, field in _thresholds(settings):
        value = getattr(place, field.name)
        shown.add_row(name, f"{value:,}" if isinstance(value, int) else f"{value:g}")
    return shown


def _version(settings: DetectorSettings) -> Text:
    if not settings.version:
        return Text("the defaults")
    who, when = settings.changed_by, settings.changed_at.ToDatetime()
    return Text(f"{settings.version}, by {who} on {when:%Y-%m-%d %H:%M} UTC")


def _named(wish: DetectorSettings, name: str) -> tuple[Message, FieldDescriptor]:
    known = {title: (place, field) for title, place, field in _thresholds(wish)}
    if name not in known:
        near = get_close_matches(name, known, 3, 0.4)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise click.UsageError(f"There is no threshold {name!r}.{hint}")
    return known[name]


def _thresholds(
    settings: DetectorSettings,
) -> Iterator[tuple[str, Message, FieldDescriptor]]:
    for field in settings.DESCRIPTOR.fields:
        if field.name == "weights":
            for weight in settings.weights.DESCRIPTOR.fields:
                yield f"weights.{weight.name}", settings.weights, weight
        elif field.name not in _KEPT_BY_THE_SERVER:
            yield field.name, settings, field
