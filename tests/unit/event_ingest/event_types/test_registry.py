"""The registry as values: what changes, what pages hold, which names are near."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.event_ingest.event_types import rules
from services.event_ingest.event_types.errors import (
    BuiltInStays,
    EventTypeStale,
    SetByTheServer,
)
from services.event_ingest.event_types.rules import (
    BUILT_IN,
    Change,
    Definition,
    Deprecation,
    EventType,
    Impact,
)

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
SIGNUP = Definition("signup", "Somebody came", "{}", Impact.HIGH, 30)
ACME, GLOBEX = UUID(int=1), UUID(int=2)
OWN = rules.register(ACME, SIGNUP, 1000)


def back(one: EventType, **sent: object) -> Change:
    """The type as it was read, sent back."""
    change = Change(SIGNUP, one.etag, one.built_in, one.deprecated, one.refuse_from)
    return replace(change, **sent)  # type: ignore[arg-type]


def test_there_are_28_built_in_types_under_numbers_that_stay() -> None:
    assert len(BUILT_IN) == 28
    assert sorted(rule.type_id for rule in BUILT_IN.values()) == list(range(1, 29))
    assert BUILT_IN["revenue"].impact == Impact.HIGH


def test_an_impact_that_is_left_out_is_low_or_what_the_type_came_with() -> None:
    silent = replace(SIGNUP, default_impact=Impact.UNSPECIFIED)
    assert rules.register(ACME, silent, 1000).default_impact == Impact.LOW
    revenue = rules.built_in_type(ACME, "revenue")
    changed = rules.change(revenue, back(revenue, definition=replace(silent, name="revenue")))
    assert changed.default_impact == Impact.HIGH


def test_every_change_changes_the_etag() -> None:
    first = OWN
    second = rules.change(first, back(first))
    third = rules.deprecate(second, Deprecation("signup", second.etag, MOMENT))
    fourth = rules.deprecate(third, Deprecation("signup", third.etag, None))
    assert len({one.etag for one in (first, second, third, fourth)}) == 4
    assert (third.refuse_from, fourth.refuse_from, fourth.deprecated) == (MOMENT, None, True)


def test_an_etag_of_another_organisation_is_stale() -> None:
    """Also for types that both have as they come."""
    theirs = replace(OWN, org_id=GLOBEX)
    with pytest.raises(EventTypeStale):
        rules.change(OWN, back(theirs))
    with pytest.raises(EventTypeStale):
        rules.deprecate(OWN, Deprecation("signup", theirs.etag, None))
    login, same = (rules.built_in_type(org_id, "login") for org_id in (ACME, GLOBEX))
    assert login.etag != same.etag


def test_an_update_leaves_a_deprecated_type_deprecated() -> None:
    old = rules.deprecate(OWN, Deprecation("signup", OWN.etag, MOMENT))
    changed = rules.change(old, back(old))
    assert (changed.deprecated, changed.refuse_from) == (True, MOMENT)


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ("built_in", {"built_in": True}),
        ("state", {"deprecated": True}),
        ("refuse_from", {"refuse_from": MOMENT}),
    ],
)
def test_what_the_server_sets_is_refused_when_it_was_changed(
    field: str, sent: dict[str, object]
) -> None:
    with pytest.raises(SetByTheServer) as refused:
        rules.change(OWN, back(OWN, **sent))
    assert [one.field for one in refused.value.violations] == [f"event_type.{field}"]


def test_a_stale_etag_is_told_before_anything_that_follows_from_it() -> None:
    with pytest.raises(EventTypeStale):
        rules.change(OWN, back(OWN, etag="other", deprecated=True))
    with pytest.raises(EventTypeStale):
        rules.deprecate(OWN, Deprecation("signup", "other", None))


def test_a_built_in_type_stays_whatever_the_etag() -> None:
    with pytest.raises(BuiltInStays):
        rules.deprecate(rules.built_in_type(ACME, "login"), Deprecation("login", "other", None))


@given(st.sets(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)), st.integers(1, 40))
def test_pages_hold_every_type_once_and_in_order(names: set[str], size: int) -> None:
    own = [EventType(ACME, 1000 + number, name) for number, name in enumerate(sorted(names))]
    seen: list[str] = []
    more = True
    while more:
        after = seen[-1] if seen else ""
        following = [one for one in own if one.name > after][: size + 1]
        types, more = rules.page(ACME, following, after, size)
        assert len(types) <= size
        seen += [one.name for one in types]
    assert seen == sorted(names | set(BUILT_IN))


def test_a_page_stays_small_however_large_the_schemas() -> None:
    own = [
        EventType(ACME, 1000 + n, f"a{n:04}", properties_schema="x" * 65_536) for n in range(100)
    ]
    types, more = rules.page(ACME, own, "", 100)
    assert more
    assert 20 < len(types) < 33


def test_the_nearest_names_are_found_quickly_among_a_thousand() -> None:
    names = [*BUILT_IN, *(f"own_type_{number}_of_many" for number in range(1000))]
    began = time.perf_counter()
    # A client that is wrong once is wrong in all events of its batch.
    found = [rules.nearest("page_veiw", names) for _ in range(1000)]
    assert found[-1][0] == "page_view"
    assert time.perf_counter() - began < 0.5


@pytest.mark.parametrize(
    ("name", "fits"),
    [("a", True), ("a1_", True), ("", False), ("A", False), ("1a", False), ("a" * 65, False),
     ("a\0", False), ("a\n", False), ("é", False), ("a٣", False)],
)  # fmt: skip
def test_a_name_is_plain(name: str, *, fits: bool) -> None:
    assert rules.is_name(name) is fits
