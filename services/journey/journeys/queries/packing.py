"""Columns of values as arrays that `unnest` takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson

from services.journey.journeys.rules.vocabulary import Micros
from shared.arrays import EPOCH_MICROS, Instants, Jsonbs, NullableInstants


def to_instants(moments: Iterable[Micros]) -> Instants:
    """timestamptz[] without NULLs."""
    return Instants([at - EPOCH_MICROS for at in moments])


def to_nullable_instants(moments: Iterable[Micros | None]) -> NullableInstants:
    """timestamptz[]."""
    return NullableInstants([None if at is None else at - EPOCH_MICROS for at in moments])


def to_jsonbs(values: Sequence[object | None]) -> Jsonbs:
    """jsonb[]; None is NULL."""
    return Jsonbs([None if value is None else orjson.dumps(value) for value in values])
