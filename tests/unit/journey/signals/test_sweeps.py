"""When clients are asked about again, and what an answer changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.journey.signals.rules.sweeps import (
    Fleet,
    Known,
    Measured,
    Standing,
    changes,
    due,
    pause_seconds,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVERY = 900.0


def standing(tried: float | None = None, swept: float | None = None, failures: int = 0) -> Standing:
    """Of an organisation that was tried and swept so many seconds ago."""
    times = [None if ago is None else NOW - timedelta(seconds=ago) for ago in (tried, swept)]
    return Standing(uuid4(), times[0], times[1], failures)


class TestDue:
    @pytest.mark.parametrize(
        ("one", "is_due"),
        [
            (standing(), True),
            (standing(tried=59), False),  # somebody is at it
            (standing(tried=60), True),  # who is dead
            (standing(tried=899, swept=899), False),
            (standing(tried=900, swept=900), True),
            (standing(tried=1, swept=2000), False),
            (standing(tried=61, swept=2000), True),
            (standing(tried=1.9, failures=1), False),
            (standing(tried=2, failures=1), True),
            (standing(tried=3.9, swept=2000, failures=2), False),
            (standing(tried=4, swept=2000, failures=2), True),
        ],
    )
    def test_who_is(self, one: Standing, *, is_due: bool) -> None:
        assert due([one], NOW, EVERY) == [one] * is_due

    def test_who_has_waited_longest_comes_first(self) -> None:
        waiting = [standing(tried=ago, swept=ago) for ago in (1000, 3000, 2000)]
        waiting.append(standing())
        assert due(waiting, NOW, EVERY) == [waiting[3], waiting[1], waiting[2], waiting[0]]

    def test_who_fails_lets_others_pass(self) -> None:
        waiting = [
            standing(tried=5000, failures=2),
            standing(tried=5000, failures=1),
            standing(tried=901, swept=901),
        ]
        assert due(waiting, NOW, EVERY) == waiting[::-1]

    @given(st.integers(1, 10_000))
    def test_pauses_grow_to_a_minute(self, failures: int) -> None:
        assert 2 <= pause_seconds(failures) <= pause_seconds(failures + 1) <= 60


def fleet(p25: float | None, **uses: int) -> Fleet:
    return Fleet({name: Measured(name, count) for name, count in uses.items()}, p25, 0)


class TestChanges:
    @pytest.mark.parametrize(
        ("before", "after", "turned", "restated"),
        [
            ((1, 5.0), (1, 5.0), False, False),
            ((1, 5.0), (2, 5.0), False, True),  # the same risk with another number
            ((1, 5.0), (1, 6.0), False, True),
            ((1, 5.0), (5, 5.0), True, True),
            ((1, 5.0), (1, None), True, True),
            ((1, 5.0), (1, 1.0), True, True),
            ((7, 5.0), (9, 6.0), False, False),
            ((7, 5.0), (7, 8.0), True, True),  # the others use more
            ((7, None), (7, 8.0), True, True),
            ((None, None), (7, 8.0), True, True),
            ((None, None), (9, 8.0), True, False),
        ],
    )
    def test_of_one_client(
        self,
        before: tuple[int | None, float | None],
        after: tuple[int, float | None],
        *,
        turned: bool,
        restated: bool,
    ) -> None:
        found = changes([Known("one", *before)], fleet(after[1], one=after[0]))
        assert found.turned == frozenset({"one"} if turned else ())
        assert found.restated == frozenset({"one"} if restated else ())
        assert found.held == found.turned | found.restated
        where = found.new if before[0] is None else found.known
        assert where == [Measured("one", after[0])]
        assert len(found.new) + len(found.known) == 1

    def test_whom_insight_does_not_list_uses_nothing(self) -> None:
        found = changes([Known("gone", 9, 5.0)], fleet(5.0, other=7))
        assert found.known == [Measured("gone")]
        assert found.restated == {"gone"}

    def test_whom_journey_does_not_know_is_left_out(self) -> None:
        found = changes([], fleet(5.0, stranger=7))
        assert (found.known, found.new, found.held) == ([], [], frozenset())
