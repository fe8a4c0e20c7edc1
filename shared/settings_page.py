"""The list of settings as a page: `python -m shared.settings_page > docs/settings.md`."""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Iterator
from itertools import groupby
from types import NoneType
from typing import Any, Literal

from shared.settings import Settings
from shared.settings_source import Entry, Section, entries

_HEAD = """# Settings

<!-- Printed from shared/settings.py by `python -m shared.settings_page`; a test compares them. -->

Every setting is an environment variable. The same names without `FOOTFALL_`, in lower case, may
stand in a TOML file that `FOOTFALL_CONFIG_FILE` names; a table joins its name with an underscore,
so `port` under `[event_ingest]` is `FOOTFALL_EVENT_INGEST_PORT`. The environment wins. Settings
marked with a key are secrets: they may also be given as the name of a file, in the variable with
`_FILE` behind it. A variable with the prefix that is not in this list is a warning when a service
starts, and an error in `footfall doctor`.
"""


def page(root: type[Section] = Settings) -> str:
    """The page."""
    return "\n".join([_HEAD, *_sections(root)])


def _sections(root: type[Section]) -> Iterator[str]:
    for section, found in groupby(entries(root), key=lambda entry: entry.section):
        yield f"## {(inspect.getdoc(section) or '').rstrip('.')}\n"
        yield "| variable | default | what it means |\n|---|---|---|"
        yield from (_row(entry) for entry in found)
        yield ""


def _row(entry: Entry) -> str:
    key = " 🔑" if entry.bounds.secret else ""
    meaning = " ".join(filter(None, [entry.bounds.doc, _allowed(entry)]))
    return f"| `{entry.name}`{key} | {_default(entry.field.default)} | {meaning} |"


def _default(value: Any) -> str:
    if value is None or value == ():
        return "\N{EN DASH}"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _allowed(entry: Entry) -> str:
    kind = next((one for one in typing.get_args(entry.type) if one is not NoneType), entry.type)
    if typing.get_origin(entry.type) is Literal:
        return "One of " + ", ".join(f"`{one}`" for one in typing.get_args(entry.type)) + "."
    if typing.get_origin(entry.type) is tuple:
        return "Several are separated by commas."
    if kind is bool:
        return "`true` or `false`."
    low, high = entry.bounds.at_least, entry.bounds.at_most
    if low is not None and high is not None:
        return f"From {low:g} to {high:.10g}."
    return f"At least {low:g}." if low is not None else ""


if __name__ == "__main__":
    sys.stdout.write(page())
