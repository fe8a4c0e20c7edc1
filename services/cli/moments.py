"""Times on the command line: a day, or a moment with its zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import click
from google.protobuf.timestamp_pb2 import Timestamp

_A_DAY = len("2013-12-31")


class BeginningOf(click.ParamType[Timestamp]):
    """A day, which means its beginning in UTC, or a moment with its zone."""

    name = "TIME"
    days_later = 0
    may_be_ahead = False

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Timestamp:
        if isinstance(value, Timestamp):
            return value
        try:
            moment = _moment(str(value), self.days_later)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time: 2013-12-31, or 2013-12-31T18:00:00Z.", param, ctx)
        if moment > datetime.now(UTC) and not self.may_be_ahead:
            self.fail(f"{value} is not over yet (days are those of UTC).", param, ctx)
        stamp = Timestamp()
        stamp.FromDatetime(moment)
        return stamp


class EndOf(BeginningOf):
    """A day, which means its end in UTC, or a moment with its zone."""

    days_later = 1


class Moment(BeginningOf):
    """The same, of which the service says how far ahead it may be."""

    may_be_ahead = True


def _moment(text: str, days_later: int) -> datetime:
    if len(text) == _A_DAY:
        return datetime.combine(date.fromisoformat(text) + timedelta(days_later), time(), UTC)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.astimezone(UTC)
