"""Token buckets: a second's worth at once, then the rate, whoever else comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rpc.interceptors import rate_limit
from shared.rpc.interceptors.rate_limit import Buckets


class Hands:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@given(
    st.integers(min_value=1, max_value=50),
    st.lists(st.floats(min_value=0, max_value=2), max_size=200),
)
def test_no_more_than_the_burst_and_the_rate_gets_through(
    per_second: int, pauses: list[float]
) -> None:
    clock = Hands()
    buckets = Buckets(clock)
    began, taken = clock.now, 0
    for pause in pauses:
        clock.now += pause
        taken += buckets.take("org", per_second) == 0
        assert taken <= per_second + (clock.now - began) * per_second + 1e-6


def test_the_wait_it_tells_is_enough() -> None:
    clock = Hands()
    buckets = Buckets(clock)
    while not (wait := buckets.take("org", 3)):
        pass
    clock.now += wait + 1e-9
    assert buckets.take("org", 3) == 0


def test_one_name_does_not_pay_for_another() -> None:
    buckets = Buckets(Hands())
    assert buckets.take("a", 1) == 0
    assert buckets.take("a", 1) == 1
    assert buckets.take("b", 1) == 0


def test_the_buckets_are_bounded_and_forget_the_idle_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rate_limit, "_MOST_BUCKETS", 2)
    buckets = Buckets(Hands())
    for name in ("idle", "busy", "busy", "new"):
        buckets.take(name, 1)
    assert buckets.take("busy", 1) > 0
    assert buckets.take("idle", 1) == 0
