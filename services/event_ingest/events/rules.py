"""When an event may enter. Pure: times are arguments, in microseconds since 1970 (`_us`)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from itertools import pairwise
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import orjson

from services.event_ingest.event_types.rules import EventTypeRule, nearest
from services.event_ingest.events.errors import (
    CurrencyMismatch,
    EventInFuture,
    EventTooOld,
    EventTypeDeprecated,
    InvalidEvent,
    InvalidProperties,
    SchemaViolated,
    UnknownEventType,
)
from shared.errors import FootfallError, Violation

DAY_US = 86_400_000_000
FUTURE_US = DAY_US
FLOOR_US = 946_684_800_000_000
"""The year 2000: nothing older is taken, however long the organisation keeps."""

MAX_DEPTH = 20
MAX_KEYS = 1000
MAX_PROPERTIES_BYTES = 65_536
MAX_DECIMALS = 400
"""Of a number in properties; no double needs as many."""
_TOO_FINE = re.compile(rf"\d[eE]-0*(?:[4-9]\d\d|[1-9]\d{{3}})|\.\d{{{MAX_DECIMALS}}}")

_HOUR = timedelta(hours=1)

MAX_BATCH = 1000
MAX_LISTED_BYTES = 3 * 1024 * 1024
"""Of data in a look into the store: about what one message takes, however long a page may be."""
MAX_MICROS = 2**63 - 1
MAX_COST_UNITS = 1_000_000
"""Of one event: thousands of the dearest fit into a counter of 64 bits of nano units."""
_NANOS = 1_000_000_000


class Verdict(IntEnum):
    """What became of an event; the numbers of the contract."""

    ACCEPTED = 1
    DUPLICATE = 2
    CONFLICT = 3
    REJECTED = 4


class Units(NamedTuple):
    """What an organisation counts in: where its days begin, and the currency of its costs."""

    time_zone: str
    currency: str


class Intake(NamedTuple):
    """How many events were received since a moment, whenever they happened."""

    since: datetime
    events: int = 0
    settled: int = 0
    """Of them, those logged up to `position`, before which nothing can appear any more."""
    position: int = 0


@dataclass(frozen=True, slots=True)
class Organisation:
    """What must be known of an organisation to admit its events."""

    org_id: UUID
    time_zone: str
    currency: str
    retention_days: int | None
    keep_ip: bool
    types: Mapping[str, EventTypeRule]
    type_names: Mapping[int, str]
    events_per_day: int | None = None
    intake: Intake | None = None
    """Of its day, where there is a quota."""

    @property
    def units(self) -> Units:
        """What its counters are kept in."""
        return Units(self.time_zone, self.currency)

    def exceeds_quota(self, count: int) -> bool:
        """Whether so many new events are more than what is left of the day's quota."""
        if self.events_per_day is None or self.intake is None:
            return False
        return self.intake.events + count > self.events_per_day

    def oldest_us(self, now_us: int) -> int:
        """The oldest time that is still kept."""
        if self.retention_days is None:
            return FLOOR_US
        return max(FLOOR_US, now_us - self.retention_days * DAY_US)


class NewEvent(NamedTuple):
    """An admitted event, as it goes into the store. Times in microseconds since 1970."""

    event_id: bytes
    place_us: int
    occurred_us: int
    received_us: int
    content_hash: int
    type_id: int
    impact: int
    retention_days: int | None
    points: int | None
    cost_nanos: int | None
    amount_micros: int | None
    currency: str | None
    user_id: str | None
    session_id: str | None
    client_id: str | None
    feature: str | None
    data: bytes | None


StoredRow = Mapping[Any, Any]
"""An event as the store holds it, by column."""

Cursor = tuple[datetime, UUID]
"""The place after which a list of events goes on: `occurred_at` and id."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are asked for; None asks for all. The interval is half open."""

    user_id: str = ""
    type_ids: Sequence[int] | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events a caller asks for; empty asks for all. The interval is half open."""

    user_id: str = ""
    types: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of events, whether there are more, and the organisation that names their types."""

    rows: Sequence[StoredRow]
    more: bool
    organisation: Organisation


class Arrival(Protocol):
    """An event on its way in, in whatever form it was sent."""

    received_us: int
    writes_as: str | None
    """The member who sends it and must be its user, if a member does."""

    @property
    def event_id(self) -> str:
        """As sent; may be empty or malformed."""
        ...

    @property
    def user_id(self) -> str:
        """As sent."""
        ...

    @property
    def raw(self) -> bytes:
        """All of it, as sent."""
        ...

    def admit(self, organisation: Organisation) -> NewEvent:
        """What is to be stored. Raises InvalidEvent, or the subclass that says why not."""
        ...


# Tuples, because a batch makes up to a thousand of both, and frozen dataclasses are slow to make.
class Outcome(NamedTuple):
    """What became of an admitted event, with the hash under which its id is stored."""

    verdict: Verdict
    stored_hash: int


class Result(NamedTuple):
    """What became of one event: the id it has now, the verdict, and the error of a refusal."""

    event_id: str
    verdict: Verdict
    error: FootfallError | None = None


def judge(event: NewEvent, first: NewEvent, *, new: bool, stored_hash: int) -> Outcome:
    """The verdict on an event.

    `first` is the first of its batch with this id, `new` whether the id was stored just now, and
    `stored_hash` what it was stored with.
    """
    if new and event is first:
        return Outcome(Verdict.ACCEPTED, stored_hash)
    same = event.content_hash == stored_hash
    return Outcome(Verdict.DUPLICATE if same else Verdict.CONFLICT, stored_hash)


def refuse(error: type[InvalidEvent], field: str, description: str) -> InvalidEvent:
    """The error that says of one field what is wrong and what is allowed."""
    return error(violations=[Violation(field, description)])


def explanation(error: FootfallError) -> str:
    """What is wrong and what is allowed, in one line for people."""
    if not error.violations:
        return error.message
    return "; ".join(f"{one.field}: {one.description}" for one in error.violations[:5])


def check_time(moment_us: int, field: str, organisation: Organisation, now_us: int) -> None:
    """Refuse a time outside of what the organisation keeps, or more than 24 hours ahead."""
    if moment_us > now_us + FUTURE_US:
        raise refuse(EventInFuture, field, "lies more than 24 hours ahead; check the clock")
    if moment_us < organisation.oldest_us(now_us):
        kept = organisation.retention_days
        limit = "before the year 2000" if kept is None else f"older than the {kept} days kept"
        raise refuse(
            EventTooOld,
            field,
            f"is {limit}; `footfall org update --retention-days` keeps events longer",
        )


def known_type(name: str, organisation: Organisation, now_us: int) -> EventTypeRule:
    """The type of that name, when its events are taken."""
    rule = organisation.types.get(name)
    if rule is None:
        close = ", ".join(nearest(name, organisation.types))
        hint = f"Did you mean {close}?" if close else "ListEventTypes lists what is."
        raise refuse(
            UnknownEventType,
            "type",
            f"{name[:64]!r} is not registered. {hint} CreateEventType registers a new one.",
        )
    if rule.refuse_from_us is not None and now_us >= rule.refuse_from_us:
        raise refuse(EventTypeDeprecated, "type", f"{name!r} is deprecated and no longer taken")
    return rule


def parse_properties(text: str, rule: EventTypeRule) -> dict[str, Any]:
    """The properties; refuse what is no JSON object, cannot be kept, or breaks the schema."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise refuse(
            InvalidProperties, "properties", f"must be the text of a JSON object: {error.msg}"
        ) from None
    # Counting marks is cheap and can only overestimate; the walk decides in the few cases left.
    suspect = (
        text.count("{") + text.count("[") > MAX_DEPTH
        or text.count(":") > MAX_KEYS
        or "\\u0000" in text
    )
    checked = check_properties(value, rule, walk=suspect)
    if _may_be_too_fine(text) and _too_fine(text):
        raise refuse(InvalidProperties, "properties", "a number has more decimals than a double")
    return checked


def check_properties(value: object, rule: EventTypeRule, *, walk: bool = True) -> dict[str, Any]:
    """The same for properties that are decoded already."""
    if not isinstance(value, dict):
        raise refuse(InvalidProperties, "properties", "must be a JSON object")
    if walk and (problem := _unkeepable(value)):
        raise refuse(InvalidProperties, "properties", problem)
    if rule.violations is not None and (broken := rule.violations(value)):
        raise refuse(SchemaViolated, "properties", "; ".join(broken[:5]))
    return value


def _may_be_too_fine(text: str) -> bool:
    small = "e-" in text or "E-" in text or len(text) > MAX_DECIMALS
    return small and _TOO_FINE.search(text) is not None  # in a number, or in the text of an id


def _too_fine(text: str) -> bool:
    """Whether a number has so many decimals that Postgres refuses it, or shows it in kilobytes."""
    found: list[object] = []
    json.loads(text, parse_float=lambda number: found.append(_TOO_FINE.search(number)))
    return any(found)


def check_cost(currency: str, nanos: int, organisation: Organisation) -> None:
    """Refuse a cost that cannot be summed with the organisation's others."""
    if currency and currency != organisation.currency:
        raise refuse(
            CurrencyMismatch,
            "cost.currency_code",
            f"must be {organisation.currency} or empty; "
            "`footfall org update --currency` changes the organisation's",
        )
    if not 0 <= nanos <= MAX_COST_UNITS * _NANOS:
        raise refuse(InvalidEvent, "cost", f"must lie between 0 and {MAX_COST_UNITS:,} units")


def unstorable(event: NewEvent, *, out_of_range: bool) -> InvalidEvent:
    """Why Postgres does not take an event: a sum that its cost overflows, or else its data."""
    if out_of_range and event.cost_nanos:
        told = "is more than the counters of its hour and day can still hold"
        return refuse(InvalidEvent, "cost", told)
    told = "cannot be kept by Postgres; check numbers and characters"
    return refuse(InvalidProperties, "properties", told)


def _unkeepable(root: object) -> str | None:
    level, keys = [root], 0
    for _ in range(MAX_DEPTH):
        inside: list[object] = []
        for container in level:
            if isinstance(container, dict):
                keys += len(container)
                inside.extend(container)
                inside.extend(container.values())
            elif isinstance(container, list):
                inside.extend(container)
        if any(isinstance(value, str) and "\0" in value for value in inside):
            return "may not hold the character U+0000"
        level = [value for value in inside if isinstance(value, dict | list)]
    if level:
        return f"may be nested at most {MAX_DEPTH} levels deep"
    return f"may hold at most {MAX_KEYS} keys" if keys > MAX_KEYS else None


def apart(hours: Sequence[datetime]) -> Sequence[datetime]:
    """Of local hours, the latest first, those up to where one reaches into the one after it.

    As it does where the clocks move by half an hour: the next look begins below.
    """
    for index, (later, earlier) in enumerate(pairwise(hours), start=1):
        if later - earlier < _HOUR:
            return hours[:index]
    return hours
