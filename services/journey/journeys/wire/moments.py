"""Moments on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol

from google.protobuf.timestamp_pb2 import Timestamp

from services.journey.journeys.rules.events import OLDEST
from services.journey.journeys.rules.moments import SKEW, to_micros
from services.journey.journeys.rules.vocabulary import SECOND, Micros
from shared.errors import InvalidField

_NANOS = 1_000_000_000
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799  # of the years 1 and 9999


class AboutATime(Protocol):
    """A request with an `as_of`."""

    @property
    def as_of(self) -> Timestamp:
        """The time that is asked about."""
        ...

    def HasField(self, field_name: Literal["as_of"]) -> bool:  # noqa: N802 - protobuf's
        """Whether it is there."""
        ...


def from_as_of(request: AboutATime, now: Micros) -> Micros | None:
    """The time that is asked about; None for now, and for what is ahead of it by the clocks alone.

    Raises InvalidField for the future and for times before 2000.
    """
    if not request.HasField("as_of"):
        return None
    as_of = from_timestamp(request.as_of)
    if as_of is None:
        raise InvalidField.of("as_of", "must be a valid time of the years 1 to 9999")
    if as_of > now + SKEW:
        raise InvalidField.of("as_of", "must not lie more than a minute in the future")
    if as_of < OLDEST:
        raise InvalidField.of("as_of", "must not lie before the year 2000")
    return as_of if as_of < now else None


def from_timestamp(moment: Timestamp) -> Micros | None:
    """The moment; None when it is no valid one."""
    if not (0 <= moment.nanos < _NANOS and _FIRST_SECOND <= moment.seconds <= _LAST_SECOND):
        return None
    return moment.seconds * SECOND + moment.nanos // 1000


def from_datetime(moment: datetime) -> Micros:
    """The moment, such as that of receipt."""
    return to_micros(moment)


def to_timestamp(at: Micros) -> Timestamp:
    """The moment as a message."""
    seconds, micros = divmod(at, SECOND)
    return Timestamp(seconds=seconds, nanos=micros * 1000)
