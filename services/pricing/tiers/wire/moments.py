"""Moments on the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from shared.errors import InvalidField

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
_SKEW = timedelta(minutes=1)
_NANOS = 1_000_000_000
_DAY_SECONDS = 86_400
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799  # of the years 1 and 9999


def from_moment(sent: Timestamp, field: str, now: datetime) -> datetime:
    """A moment of the past, to the microsecond; clocks of callers may be a minute ahead.

    Raises InvalidField.
    """
    if not (0 <= sent.nanos < _NANOS and _FIRST_SECOND <= sent.seconds <= _LAST_SECOND):
        raise InvalidField.of(field, "must be a valid time of the years 1 to 9999")
    moment = _EPOCH + timedelta(seconds=sent.seconds, microseconds=sent.nanos // 1000)
    if moment > now + _SKEW:
        raise InvalidField.of(field, "must not lie more than a minute in the future")
    if moment < _OLDEST:
        raise InvalidField.of(field, "must not lie before the year 2000")
    return moment


def to_timestamp(moment: datetime | None) -> Timestamp | None:
    """The moment as a message, if there is one."""
    if moment is None:
        return None
    since = moment - _EPOCH  # five times as fast as FromDatetime, of which answers are full
    return Timestamp(
        seconds=since.days * _DAY_SECONDS + since.seconds, nanos=since.microseconds * 1000
    )
