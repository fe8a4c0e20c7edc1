"""What a type of event is, and which come with Footfall. Pure."""

from __future__ import annotations

import difflib
import functools
import hashlib
import heapq
import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from types import MappingProxyType
from uuid import UUID

from services.event_ingest.event_types.errors import (
    BuiltInStays,
    EventTypeStale,
    SetByTheServer,
)


class Impact(IntEnum):
    """How much an event matters to the business; the numbers of the contract."""

    UNSPECIFIED = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3


class TypeId(IntEnum):
    """Numbers under which built-in types are stored; they never change."""

    PAGE_VIEW = 1
    FEATURE_USED = 2
    FEATURE_ABANDONED = 3
    CONCIERGE_INTERACTION = 4
    VOICE_GENERATION = 5
    REPORT_GENERATED = 6
    PROJECT_CREATED = 7
    PROJECT_COMPLETED = 8
    BILLING_ACTION = 9
    LOGIN = 10
    LOGOUT = 11
    TOOL_USAGE = 12
    EXPORT_ACTION = 13
    COMPETENCY_MILESTONE = 14
    SCALING_METRIC = 15
    PROFESSIONAL_ACTION = 16
    NAVIGATION = 17
    CONTENT_INTERACTION = 18
    RESOURCE_GENERATION = 19
    RESOURCE_SHARE = 20
    SYSTEMATIC_PROGRESSION = 21
    MODEL_REQUEST = 22
    REVENUE = 23
    TOUCHPOINT = 24
    OPERATION = 25
    AUTOMATION = 26
    SENTIMENT = 27
    SUPPORT_TICKET = 28


FIRST_OWN_TYPE_ID = 1000
"""Types that an organisation registers itself are numbered from here."""

MAX_OWN_TYPES = 1000

MAX_PAGE_BYTES = 2 * 1024 * 1024
"""A page of types stays below what clients take for one message, however large the schemas."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_EMPTY_TYPE_BYTES = 200
_COMPARED = 40

_HIGH = frozenset({
    TypeId.REPORT_GENERATED, TypeId.PROJECT_COMPLETED, TypeId.EXPORT_ACTION,
    TypeId.COMPETENCY_MILESTONE, TypeId.RESOURCE_GENERATION, TypeId.SYSTEMATIC_PROGRESSION,
    TypeId.REVENUE,
})  # fmt: skip
_MEDIUM = frozenset({
    TypeId.CONCIERGE_INTERACTION, TypeId.VOICE_GENERATION, TypeId.PROJECT_CREATED,
    TypeId.BILLING_ACTION, TypeId.SCALING_METRIC, TypeId.PROFESSIONAL_ACTION,
    TypeId.RESOURCE_SHARE, TypeId.SENTIMENT, TypeId.SUPPORT_TICKET,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class EventTypeRule:
    """What ingestion needs of a type. `violations` lists what properties break of its schema."""

    type_id: int
    impact: int
    retention_days: int | None = None
    refuse_from_us: int | None = None
    violations: Callable[[object], list[str]] | None = None
    version: int = 0
    """That of the event type; 0 for a built-in type that the organisation left as it is."""


def default_impact(type_id: TypeId) -> Impact:
    """The impact of a built-in type's events that do not say theirs."""
    if type_id in _HIGH:
        return Impact.HIGH
    return Impact.MEDIUM if type_id in _MEDIUM else Impact.LOW


BUILT_IN: Mapping[str, EventTypeRule] = MappingProxyType({
    type_id.name.lower(): EventTypeRule(type_id.value, default_impact(type_id).value)
    for type_id in TypeId
})  # fmt: skip


def nearest(name: str, registered: Iterable[str]) -> list[str]:
    """Up to three registered names that look most like this one."""
    return list(_nearest(name.lower()[:64], tuple(registered)))


@functools.lru_cache(maxsize=256)
def _nearest(name: str, registered: tuple[str, ...]) -> tuple[str, ...]:
    """Remembered, for a client that is wrong once is wrong in every event of a batch."""
    pairs = _pairs(name)
    likely = heapq.nlargest(_COMPARED, registered, key=lambda one: len(pairs & _pairs(one)))
    return tuple(difflib.get_close_matches(name, likely, n=3, cutoff=0.5))


@functools.lru_cache(maxsize=4096)
def _pairs(name: str) -> frozenset[str]:
    """The pairs of letters in a name: comparing them is a hundred times cheaper than difflib."""
    return frozenset(map("".join, itertools.pairwise(f"^{name}$")))


@dataclass(frozen=True, slots=True)
class EventType:
    """A type as its organisation sees it."""

    org_id: UUID
    type_id: int
    name: str
    description: str = ""
    properties_schema: str = ""
    default_impact: int = Impact.UNSPECIFIED.value
    retention_days: int | None = None
    deprecated: bool = False
    refuse_from: datetime | None = None
    version: int = 0
    """0 for a built-in type that the organisation left as it is."""

    @property
    def built_in(self) -> bool:
        """Whether it comes with Footfall."""
        return self.type_id < FIRST_OWN_TYPE_ID

    @property
    def etag(self) -> str:
        """Changes with every change, and fits no other organisation's type of that name.

        Opaque, so that nobody counts on what it is made of.
        """
        version = f"{self.org_id}/{self.name}/{self.version}"
        return hashlib.blake2b(version.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Definition:
    """What people say of a type: all that they may change of it."""

    name: str
    description: str
    properties_schema: str
    default_impact: int
    retention_days: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """A definition to replace another, with what the caller sent back of what the server sets."""

    definition: Definition
    etag: str
    built_in: bool
    deprecated: bool | None
    refuse_from: datetime | None


@dataclass(frozen=True, slots=True)
class Deprecation:
    """A type to take out of use; its events are refused from then on, or never."""

    name: str
    etag: str
    refuse_from: datetime | None


def is_name(name: str) -> bool:
    """Whether a type can have this name."""
    return _NAME.fullmatch(name) is not None


def built_in_type(org_id: UUID, name: str) -> EventType:
    """A built-in type as it comes."""
    rule = BUILT_IN[name]
    return EventType(org_id, rule.type_id, name, default_impact=rule.impact)


def register(org_id: UUID, definition: Definition, type_id: int) -> EventType:
    """A new type of the organisation's own."""
    return _defined(EventType(org_id, type_id, definition.name, version=1), definition)


def change(known: EventType, wanted: Change) -> EventType:
    """The type after the change. Raises EventTypeStale, SetByTheServer."""
    if wanted.etag != known.etag:
        raise EventTypeStale
    others = {
        "built_in": wanted.built_in and not known.built_in,
        "state": wanted.deprecated not in (None, known.deprecated),
        "refuse_from": wanted.refuse_from not in (None, known.refuse_from),
    }
    if any(others.values()):
        raise SetByTheServer.among(name for name, other in others.items() if other)
    return _defined(replace(known, version=known.version + 1), wanted.definition)


def deprecate(known: EventType, wanted: Deprecation) -> EventType:
    """The type on its way out. Raises BuiltInStays, EventTypeStale."""
    if known.built_in:
        raise BuiltInStays
    if wanted.etag != known.etag:
        raise EventTypeStale
    version = known.version + 1
    return replace(known, deprecated=True, refuse_from=wanted.refuse_from, version=version)


def page(
    org_id: UUID, own: Sequence[EventType], after: str, size: int
) -> tuple[list[EventType], bool]:
    """The types that follow a name, by name, and whether there are more.

    `own` are those that the organisation registered or changed, from there on and enough of them.
    """
    types = {name: built_in_type(org_id, name) for name in BUILT_IN if name > after}
    types.update((one.name, one) for one in own)
    following = [types[name] for name in sorted(types)]
    shown, taken = 0, 0
    for one in following[:size]:
        taken += _EMPTY_TYPE_BYTES + _bytes(one)
        if shown and taken > MAX_PAGE_BYTES:
            break
        shown += 1
    return following[:shown], shown < len(following)


def _defined(one: EventType, definition: Definition) -> EventType:
    usual = BUILT_IN[one.name].impact if one.built_in else Impact.LOW.value
    return replace(
        one,
        description=definition.description,
        properties_schema=definition.properties_schema,
        default_impact=definition.default_impact or usual,
        retention_days=definition.retention_days,
    )


def _bytes(one: EventType) -> int:
    return len(one.description.encode()) + len(one.properties_schema.encode())
