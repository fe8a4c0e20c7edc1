"""What is due, by the clock. Pure: the time is an argument."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

AHEAD = timedelta(days=90)
LOG_KEPT = timedelta(hours=74)
"""Longer than a tail or a watch can be resumed, or it would miss what was deleted meanwhile."""
REJECTED_KEPT = timedelta(days=30)
ANSWERS_KEPT = timedelta(hours=24)
RUNS_KEPT = timedelta(days=90)
DELIVERIES_KEPT = timedelta(days=90)
MESSAGES_KEPT = DELIVERIES_KEPT
"""After a message was delivered or given up: its delivery, which is older, tells of it."""
FLOOR = datetime(2000, 1, 1, tzinfo=UTC)
"""No event is older."""

BEFORE_ALL = FLOOR - timedelta(days=1)


class Partition(NamedTuple):
    """A stretch of `id_time`, half open, and the table that holds it."""

    name: str
    since: datetime
    until: datetime
    used: bool
    """It takes up space."""


@dataclass(frozen=True, slots=True)
class Organisation:
    """How long an organisation keeps what; None keeps for ever."""

    org_id: UUID
    time_zone: str
    retention_days: int | None
    days_by_type: Mapping[int, int]

    def oldest(self, now: datetime) -> datetime | None:
        """What happened before is not kept, unless its type or itself says otherwise."""
        return None if self.retention_days is None else before(now, self.retention_days)


@dataclass(frozen=True, slots=True)
class Sweep:
    """Events that one rule speaks of: those of `own_days`, of `types`, or of all other types."""

    before: datetime
    own_days: int | None = None
    types: tuple[int, ...] = ()
    others: bool = False

    @property
    def rule(self) -> tuple[object, ...]:
        """The same from round to round, while the settings are."""
        return (self.own_days, self.types, self.others)


def before(now: datetime, days: int) -> datetime:
    """The time so many days ago, no earlier than the first that an event can have."""
    return max(FLOOR, now - timedelta(days=days))


def sweeps(organisation: Organisation, own_days: Iterable[int], now: datetime) -> Iterator[Sweep]:
    """What expires: by the event's own word, else its type's, else its organisation's."""
    for days in own_days:
        yield Sweep(before(now, days), own_days=days)
    for type_id, days in sorted(organisation.days_by_type.items()):
        yield Sweep(before(now, days), types=(type_id,))
    if (oldest := organisation.oldest(now)) is not None:
        yield Sweep(oldest, types=tuple(sorted(organisation.days_by_type)), others=True)


def missing_months(
    partitions: Sequence[Partition], now: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """The months without a partition, from where these end to 90 days ahead."""
    start = max((one.until for one in partitions), default=_month(now))
    while start <= now + AHEAD:
        following = _month(start + timedelta(days=31))
        yield start, following
        start = following


def longest(organisations: Sequence[Organisation]) -> int | None:
    """Days after which nobody keeps an event that does not itself say so; None if somebody does."""
    days = [one.retention_days for one in organisations]
    if not days or None in days:
        return None
    by_type = (more for one in organisations for more in one.days_by_type.values())
    return max([*(one for one in days if one is not None), *by_type])


def first_id(moment: datetime) -> UUID:
    """The smallest version 7 UUID of that time."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(bytes=milliseconds.to_bytes(6) + bytes(10))


def _month(moment: datetime) -> datetime:
    moment = moment.astimezone(UTC)
    return datetime(moment.year, moment.month, 1, tzinfo=UTC)
