"""Log lines: one event, one line, on standard error; JSON for machines, text on a terminal.

A log is read by tools that split at line ends, so no value may contain one: JSON escapes control
characters, and the text form does it by hand.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson
import psycopg

ContextFields = Callable[[], Mapping[str, object]]
"""What belongs on each line written now: the request id and the organisation, if any."""

LOG = logging.getLogger("footfall")

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def install(
    level: str, log_format: str, fields: ContextFields, stream: TextIO | None = None
) -> logging.Handler:
    """Send every log line of this program to standard error; returns the handler for removal."""
    out = stream or sys.stderr
    human = log_format == "text" or (log_format == "auto" and out.isatty())
    handler = logging.StreamHandler(out)
    handler.setFormatter(TextLines(fields) if human else JsonLines(fields))
    logging.raiseExceptions = False  # a full disk under the log must not become more lines
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)  # libraries speak up only when something is wrong
    LOG.setLevel(level.upper())
    return handler


class Lines(logging.Formatter):
    """What both forms of a line have in common."""

    def __init__(self, fields: ContextFields) -> None:
        super().__init__()
        self._fields = fields

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's
        """The traceback without what Postgres says of the row: that is data of somebody."""
        text = super().formatException(ei)
        for error in _chain(ei[1]):
            if isinstance(error, psycopg.Error):
                for line in filter(str.strip, str(error).splitlines()[1:]):  # groups indent them
                    text = text.replace(line, "…")
        return text


class JsonLines(Lines):
    """A record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level and message first, then what the call and the event add."""
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._fields(),
            **_extras(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


class TextLines(Lines):
    """The same for eyes."""

    def format(self, record: logging.LogRecord) -> str:
        """Time of day, level, message, then the rest as key=value."""
        rest = {**self._fields(), **_extras(record)}
        pairs = " ".join(f"{key}={value}" for key, value in rest.items())
        clock = _time(record)[11:23]
        line = f"{clock} {record.levelname:<7} {record.getMessage()} {pairs}".rstrip()
        visible = _escaped(line)
        if record.exc_info:  # on a terminal a traceback may have its lines
            visible += "\n" + self.formatException(record.exc_info)
        return visible


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that led to it."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or one in seen:
            continue
        seen.append(one)
        inner = one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        waiting += [one.__cause__, one.__context__, *inner]
        yield one


def _extras(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
