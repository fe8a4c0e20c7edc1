"""Packed arrays mean to Postgres what the plain values mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared import arrays
from tests.postgres import Template

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"))
BIG = st.integers(-(2**63), 2**63 - 1)
INT = st.integers(-(2**31), 2**31 - 1)
KINDS: dict[str, tuple[Callable[[Sequence[Any]], arrays.Packed], str, st.SearchStrategy[Any]]] = {
    "uuids": (arrays.Uuids, "uuid", st.binary(min_size=16, max_size=16)),
    "bigints": (arrays.Bigints, "bigint", BIG),
    "integers": (arrays.Integers, "integer", INT),
    "smallints": (arrays.Smallints, "smallint", st.integers(-(2**15), 2**15 - 1)),
    "instants": (arrays.Instants, "timestamptz", st.integers(0, 10**15)),
    "doubles": (arrays.Doubles, "double precision", st.floats(allow_nan=False)),
    "texts": (arrays.Texts, "text", st.none() | TEXT),
    "nullable bigints": (arrays.NullableBigints, "bigint", st.none() | BIG),
    "nullable instants": (
        arrays.NullableInstants,
        "timestamptz",
        st.none() | st.integers(0, 10**15),
    ),
    "nullable integers": (arrays.NullableIntegers, "integer", st.none() | INT),
    "byteas": (arrays.Byteas, "bytea", st.none() | st.binary()),
}


@pytest.fixture(scope="module")
def connection(template: Template) -> Iterator[psycopg.Connection[Any]]:
    with template.clone() as database, database.connect() as connected:
        arrays.register(connected.adapters)
        yield connected


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_packed_is_what_postgres_reads(
    connection: psycopg.Connection[Any], kind: str, data: st.DataObject
) -> None:
    packed, name, values = KINDS[kind]
    sent = data.draw(st.lists(values, max_size=50))
    query = f"SELECT coalesce(array_agg(v), '{{}}') FROM unnest(%b::{name}[]) AS v"
    row = connection.execute(query.encode(), (packed(sent),)).fetchone()
    assert row is not None
    nothing = all(value is None for value in sent)
    assert row[0] == ([] if nothing else [_plain(kind, value) for value in sent])


def test_a_column_of_nulls_is_padded_by_the_others(connection: psycopg.Connection[Any]) -> None:
    query = "SELECT a, b FROM unnest(%b::integer[], %b::text[]) AS s (a, b)"
    rows = connection.execute(query, (arrays.Integers([1, 2]), arrays.Texts([None, None])))
    assert rows.fetchall() == [(1, None), (2, None)]


def test_json_keeps_its_meaning(connection: psycopg.Connection[Any]) -> None:
    query = "SELECT v ->> 'a' FROM unnest(%b::jsonb[]) AS v"
    rows = connection.execute(query, (arrays.Jsonbs([b'{"a":"\\u00e9"}', None]),))
    assert rows.fetchall() == [("é",), (None,)]


def _plain(kind: str, value: Any) -> Any:
    if kind == "uuids":
        return UUID(bytes=value)
    if value is not None and kind.endswith("instants"):
        return EPOCH + timedelta(microseconds=value)
    return value
