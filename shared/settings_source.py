"""Where settings come from: names, texts and how a text becomes a value.

`shared/settings.py` is the list; this is the reading of it.
"""

from __future__ import annotations

import os
import tomllib
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, fields, is_dataclass
from pathlib import Path
from types import NoneType
from typing import Any, ClassVar, Literal, TypeVar

from shared.refusal import StartRefused

PREFIX = "FOOTFALL_"
CONFIG_FILE = PREFIX + "CONFIG_FILE"
_FILE = "_FILE"

S = TypeVar("S", bound="Section")


class SettingInvalid(StartRefused):
    """A setting has a value that it may not have."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is said about a setting besides its name, type and default."""

    doc: str
    at_least: float | None = None
    at_most: float | None = None
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A group of settings; its names begin with `FOOTFALL_` and the prefix."""

    prefix: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting of the list."""

    name: str
    section: type[Section]
    field: Field[Any]
    type: Any

    @property
    def bounds(self) -> Bounds:
        """What is said about it."""
        bounds: Bounds = self.field.metadata["bounds"]
        return bounds

    @property
    def names(self) -> tuple[str, ...]:
        """The variables that give it."""
        return (self.name, self.name + _FILE) if self.bounds.secret else (self.name,)


def entries(root: type[Section]) -> Iterator[Entry]:
    """Every setting, section by section, in the order written."""
    hints = typing.get_type_hints(root)
    for one in fields(root):
        inner = hints[one.name]
        if is_dataclass(inner):
            assert isinstance(inner, type)
            assert issubclass(inner, Section)
            yield from entries(inner)
        else:
            yield Entry(f"{PREFIX}{root.prefix}{one.name.upper()}", root, one, inner)


def load(root: type[S], environ: Mapping[str, str] = os.environ) -> S:
    """The settings as environment and file have them, or a refusal that names the variable."""
    return _section(root, texts(environ))


def unknown_names(root: type[Section], environ: Mapping[str, str] = os.environ) -> list[str]:
    """Variables and keys of the file that are no settings: misspelt, or outlived."""
    known = {name for entry in entries(root) for name in entry.names} | {CONFIG_FILE}
    return sorted(name for name in texts(environ) if name not in known)


def _section(section: type[S], texts: Mapping[str, str]) -> S:
    values: dict[str, Any] = {}
    for entry in _own(section):
        if (text := _text(entry, texts)) is not None:
            values[entry.field.name] = _value(entry, text)
    hints = typing.get_type_hints(section)
    for one in fields(section):
        if is_dataclass(hints[one.name]):
            values[one.name] = _section(hints[one.name], texts)
    return section(**values)


def _own(section: type[Section]) -> Iterator[Entry]:
    return (entry for entry in entries(section) if entry.section is section)


def texts(environ: Mapping[str, str]) -> dict[str, str]:
    """Every `FOOTFALL_…` variable as environment and file have it, known or not."""
    from_environment = {name: text for name, text in environ.items() if name.startswith(PREFIX)}
    path = from_environment.get(CONFIG_FILE)
    return {**(_from_file(Path(path)) if path else {}), **from_environment}


def _from_file(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            return dict(_flat(PREFIX, tomllib.load(file)))
    except OSError as error:
        raise SettingInvalid(
            f"{CONFIG_FILE} is {path}, which cannot be read: {error.strerror}."
        ) from error
    except ValueError as error:
        raise SettingInvalid(
            f"{CONFIG_FILE} is {path}, which is not valid TOML: {error}."
        ) from error


def _flat(prefix: str, table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        name = prefix + key.upper()
        if isinstance(value, dict):
            yield from _flat(name + "_", value)
        elif isinstance(value, list):
            yield name, ",".join(map(str, value))
        else:
            yield name, str(value).lower() if isinstance(value, bool) else str(value)


def _text(entry: Entry, texts: Mapping[str, str]) -> str | None:
    text = texts.get(entry.name)
    path = texts.get(entry.name + _FILE) if entry.bounds.secret else None
    if text is not None and path is not None:
        raise SettingInvalid(f"{entry.name} and {entry.name}{_FILE} are both set. Unset one.")
    if path is None:
        return text or None  # set to nothing is not set
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise SettingInvalid(f"{entry.name}{_FILE} is {path}, which cannot be read.") from error


def _value(entry: Entry, text: str) -> Any:
    optional = [one for one in typing.get_args(entry.type) if one is not NoneType]
    kind = optional[0] if NoneType in typing.get_args(entry.type) else entry.type
    try:
        value = _parse(kind, text.strip())
    except ValueError as error:
        raise _invalid(entry, text, str(error)) from None
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = entry.bounds.at_least, entry.bounds.at_most
        if low is not None and not value >= low:
            raise _invalid(entry, text, f"{low:g} is the least")
        if high is not None and not value <= high:
            raise _invalid(entry, text, f"{high:g} is the most")
    return value


def _parse(kind: Any, text: str) -> Any:
    if typing.get_origin(kind) is Literal:
        choices = typing.get_args(kind)
        if text.lower() not in choices:
            raise ValueError(f"one of {', '.join(choices)} is needed")
        return text.lower()
    if typing.get_origin(kind) is tuple:
        item = typing.get_args(kind)[0]
        return tuple(_parse(item, part.strip()) for part in text.split(",") if part.strip())
    return _PARSERS[kind](text)


def _bool(text: str) -> bool:
    known = {"true": True, "1": True, "yes": True, "on": True}
    known |= {"false": False, "0": False, "no": False, "off": False}
    if text.lower() not in known:
        raise ValueError("true or false is needed")
    return known[text.lower()]


def _int(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("a whole number is needed") from None


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("a number is needed") from None


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


_PARSERS: Mapping[Any, Callable[[str], Any]] = {
    str: str,
    int: _int,
    float: _float,
    bool: _bool,
    Path: _path,
}


def _invalid(entry: Entry, text: str, needed: str) -> SettingInvalid:
    shown = "what it is set to" if entry.bounds.secret else repr(text)
    return SettingInvalid(f"{entry.name} cannot be {shown}: {needed}.")
