from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from shared import ids

MILLISECONDS = st.integers(0, 2**48 - 1)


@given(MILLISECONDS)
def test_a_new_id_is_a_version_7_uuid_of_its_time(milliseconds: int) -> None:
    one = ids.uuid7(milliseconds)
    parsed = uuid.UUID(bytes=one)
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert ids.id_time_ms(one) == ids.place_ms(one) == milliseconds
    assert ids.text(one) == str(parsed)


@given(MILLISECONDS, st.lists(st.text()), st.lists(st.text()))
def test_a_derived_id_is_the_same_for_the_same_source_and_no_other(
    milliseconds: int, one: list[str], other: list[str]
) -> None:
    first = ids.derived_uuid7(milliseconds, *one)
    assert first == ids.derived_uuid7(milliseconds, *one)
    assert (first == ids.derived_uuid7(milliseconds, *other)) == (one == other)


@given(
    st.one_of(st.uuids(version=1), st.uuids(version=3), st.uuids(version=4), st.uuids(version=5))
)
def test_ids_of_other_versions_share_the_timeless_place(one: uuid.UUID) -> None:
    assert ids.id_time_ms(one.bytes) is None
    assert ids.place_ms(one.bytes) == ids.TIMELESS_MS


@given(st.binary(min_size=16, max_size=16))
def test_the_place_is_a_function_of_the_id_alone(one: bytes) -> None:
    assert ids.place_ms(one) == ids.place_ms(bytes(bytearray(one)))
