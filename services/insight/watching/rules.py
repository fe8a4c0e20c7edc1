"""Which changes a watch looks at. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

Place = TypeVar("Place")


def latest(steps: Sequence[tuple[UUID, Place]]) -> list[tuple[UUID, Place]]:
    """Of steps through a log those that stay when of equal ids the last alone is looked at."""
    last = {insight_id: index for index, (insight_id, _) in enumerate(steps)}
    return [step for index, step in enumerate(steps) if last[step[0]] == index]
