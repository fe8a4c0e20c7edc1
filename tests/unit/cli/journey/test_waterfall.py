"""A score as a waterfall."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from footfall.journey.v1.journey_pb2 import Score
from services.cli.journey.waterfall import Waterfall
from tests.drawing import drawn, part


def test_each_part_begins_where_the_one_before_ended() -> None:
    parts = [
        part("base", 50, "no ai_score"),
        part("stage", 15, "stage active_project"),
        part("risk.late_invoices", -10, "told below"),
    ]
    assert drawn(Waterfall(Score(score=55, contributions=parts))) == [
        "base                     50 ████████████████████                     no ai score",
        "stage                   +15                     ██████               stage active project",
        "late invoices           -10                       ▒▒▒▒",
        "score                    55 ██████████████████████                   of 100",
    ]


def test_what_lies_outside_of_0_to_100_is_seen_too() -> None:
    parts = [part("base", 90), part("stage", 35), part("clamp", -25)]
    lines = drawn(Waterfall(Score(score=100, contributions=parts)))
    assert lines[1].endswith("█")
    assert lines[2].split() == ["clamp", "-25", "▒" * 8]
    below = [part("base", 5), part("risk.late", -10), part("clamp", 5)]
    lines = drawn(Waterfall(Score(score=0, contributions=below)))
    assert [line.split()[1] for line in lines] == ["5", "-10", "+5", "0"]
    assert "█" not in lines[3]


@given(st.lists(st.floats(-200, 200).map(lambda n: round(n, 2)), max_size=9), st.integers(30, 120))
def test_no_part_but_nothing_is_invisible(points: list[float], width: int) -> None:
    score = Score(score=50, contributions=[part("base", one) for one in points])
    for line, value in zip(drawn(Waterfall(score), width), points, strict=False):
        assert ("█" in line or "▒" in line) == (value != 0) or width < 40
