"""The picture of a belief about a change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.pricing.v1.approval_pb2 import MoneyQuantiles
from services.cli.pricing import money
from services.cli.pricing.impact import bar, impact
from tests.drawing import drawn

AMOUNTS = st.integers(-(10**12), 10**12)


def test_losses_are_left_of_zero_and_gains_right_of_it() -> None:
    assert bar(-10, 10, 20, 31).plain == "▒" * 10 + "│" + "█" * 9 + "●" + "█" * 10
    assert bar(10, 20, 30, 31).plain == "│" + "·" * 9 + "█" * 10 + "●" + "█" * 10
    assert bar(-30, -20, -10, 31).plain == "▒" * 10 + "●" + "▒" * 10 + "·" * 9 + "│"


def test_nothing_at_all_is_drawn_too() -> None:
    assert bar(0, 0, 0, 5).plain == "●····"


@given(st.lists(AMOUNTS, min_size=3, max_size=3).map(sorted), st.integers(10, 100))
def test_every_belief_has_a_picture_of_its_width_with_its_middle(
    values: list[int], width: int
) -> None:
    picture = bar(values[0], values[1], values[2], width).plain
    assert len(picture) == width
    assert picture.count("●") == 1
    assert ("▒" in picture) <= (values[0] < 0)
    assert ("█" in picture) <= (values[2] >= 0)


@pytest.mark.parametrize("width", [40, 80, 100])
def test_the_numbers_stand_below_with_their_signs(width: int) -> None:
    p10, p50, p90 = (money.of_minor(minor, "EUR") for minor in (-120_000, 0, 200_000))
    told = MoneyQuantiles(p10=p10, p50=p50, p90=p90)
    lines = [line for part in impact(told, "a month") for line in drawn(part, width)]
    assert "P10 -1,200.00 P50 0.00 P90 +2,000.00 EUR a month" in " ".join(" ".join(lines).split())
