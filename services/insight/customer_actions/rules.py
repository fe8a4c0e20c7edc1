"""What may be recorded, and when two records are the same. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from shared.errors import InvalidField

MAX_MICROS = 2**63 - 1
_AHEAD = timedelta(hours=24)
_FLOOR = datetime(2000, 1, 1, tzinfo=UTC)

StoredRow = Mapping[Any, Any]
"""An action as the store holds it, by column."""

Cursor = tuple[datetime, UUID]
"""The place after which a list of actions goes on: `occurred_at` and id."""


class Action(NamedTuple):
    """An action, in the order of its columns."""

    action_id: UUID
    user_id: str
    client_id: str
    kind: int
    outcome: int
    competency_area: str
    amount_micros: int | None
    currency: str | None
    note: str
    occurred_at: datetime
    """The same as `recorded_at` when nobody said."""
    recorded_at: datetime
    recorded_by: str


@dataclass(frozen=True, slots=True)
class ActionFilter:
    """Which actions are asked for; empty asks for all."""

    user_id: str = ""
    client_id: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of actions, the latest first, and whether there are more."""

    rows: Sequence[StoredRow]
    more: bool


def owner(user_id: str, writes_as: str | None) -> str:
    """Whose action it is; `writes_as` is the member who records it, if a member does."""
    if writes_as is None or user_id == writes_as:
        return user_id
    if user_id:
        raise InvalidField.of("action.user_id", "a member records its own; leave it empty")
    return writes_as


def check(action: Action) -> None:
    """Refuse what belongs to nobody, and times that cannot be."""
    if not (action.user_id or action.client_id):
        raise InvalidField.of("action.user_id", "must not be empty when client_id is")
    if action.occurred_at > action.recorded_at + _AHEAD:
        raise InvalidField.of("action.occurred_at", "lies more than 24 hours ahead")
    if action.occurred_at < _FLOOR:
        raise InvalidField.of("action.occurred_at", "is before the year 2000")


def same(action: Action, stored: Action) -> bool:
    """Whether both say the same; what the server filled in says nothing."""
    as_stored = action._replace(recorded_at=stored.recorded_at, recorded_by=stored.recorded_by)
    if _untimed(action) and _untimed(stored):
        as_stored = as_stored._replace(occurred_at=stored.occurred_at)
    return as_stored == stored


def _untimed(action: Action) -> bool:
    return action.occurred_at == action.recorded_at
