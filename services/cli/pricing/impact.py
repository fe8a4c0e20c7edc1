"""A belief about a change, drawn around zero: what may be lost to the left, gained to the right."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from footfall.pricing.v1.approval_pb2 import MoneyQuantiles
from services.cli.pricing import money
from services.cli.terminal.sized import Sized

_WIDTH = 60
_LOSS, _GAIN, _HALF, _ZERO, _NOTHING = "▒", "█", "●", "│", "·"
_STYLES = {_LOSS: "red", _GAIN: "green", _HALF: "bold", _ZERO: "bold", _NOTHING: "dim"}


def impact(told: MoneyQuantiles, span: str) -> Iterator[RenderableType]:
    """The picture, and its numbers; `span` says of which time they are."""
    p10, p50, p90 = (money.minor_of(one) for one in (told.p10, told.p50, told.p90))
    yield Sized(lambda width: bar(p10, p50, p90, min(width, _WIDTH)))
    ends = (("P10", told.p10), ("P50", told.p50), ("P90", told.p90))
    numbers = "   ".join(f"{name} {money.number(one, signed=True)}" for name, one in ends)
    yield Text(f"{numbers} {told.p50.currency_code} {span}")
    yield Text(f"{_LOSS} loss  {_GAIN} gain  {_HALF} P50, in the middle  {_ZERO} no change", "dim")


def bar(p10: int, p50: int, p90: int, width: int) -> Text:
    """From P10 to P90 on a line on which zero always is; without colour it says the same."""
    low, high = min(p10, p50, 0), max(p90, p50, 0)

    def place(value: int) -> int:
        return (value - low) * (width - 1) // max(high - low, 1)

    first, half, last, zero = (place(one) for one in (p10, p50, p90, 0))
    cells = [_NOTHING] * width
    for cell in range(first, last + 1):
        cells[cell] = _LOSS if cell < zero else _GAIN
    cells[zero] = _ZERO
    cells[half] = _HALF
    drawn = Text()
    for char in cells:
        drawn.append(char, _STYLES[char])
    return drawn
