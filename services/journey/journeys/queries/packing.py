"""Columns of values as arrays that `unnest` takes."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from services.journey.journeys.rules.vocabulary import Micros
from shared import arrays
from shared.arrays import EPOCH_MICROS


class Instants(arrays.Instants):
    """timestamptz[] without NULLs, of moments."""

    def __init__(self, moments: Iterable[Micros]) -> None:
        super().__init__([at - EPOCH_MICROS for at in moments])


class NullableInstants(arrays.NullableInstants):
    """timestamptz[] of moments."""

    def __init__(self, moments: Iterable[Micros | None]) -> None:
        super().__init__([None if at is None else at - EPOCH_MICROS for at in moments])


class Jsonbs(arrays.Jsonbs):
    """jsonb[] of what JSON can say; None is NULL."""

    def __init__(self, values: Iterable[object]) -> None:
        super().__init__([None if value is None else orjson.dumps(value) for value in values])
