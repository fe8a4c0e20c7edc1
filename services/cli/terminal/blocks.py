"""Numbers as block characters: the grain of every picture."""

from __future__ import annotations

from collections.abc import Sequence

_RISING = " ▁▂▃▄▅▆▇█"
_LYING = " ▏▎▍▌▋▊▉█"
_EIGHTHS = 8

SHADES = "·░▒▓█"
"""Nothing, and four steps from little to most."""


def bar(value: float, most: float, width: int) -> str:
    """A lying bar, `width` characters long when the value is the most there is; never invisible."""
    if most <= 0 or value <= 0:
        return ""
    eighths = max(1, round(min(value / most, 1.0) * width * _EIGHTHS))
    whole, rest = divmod(eighths, _EIGHTHS)
    return "█" * whole + (_LYING[rest] if rest else "")


def spark(values: Sequence[float], most: float | None = None) -> str:
    """One character per value, as high as the value; only nothing is empty."""
    top = max(values, default=0) if most is None else most
    return "".join(_RISING[_height(value, top, _EIGHTHS)] for value in values)


def columns(values: Sequence[float], height: int) -> list[str]:
    """Standing bars of `height` lines, the topmost first."""
    most = max(values, default=0)
    eighths = [_height(value, most, height * _EIGHTHS) for value in values]
    floors = range((height - 1) * _EIGHTHS, -1, -_EIGHTHS)
    return ["".join(_RISING[min(max(e - floor, 0), _EIGHTHS)] for e in eighths) for floor in floors]


def shade(value: float, most: float) -> int:
    """Which of SHADES shows the value."""
    return _height(value, most, len(SHADES) - 1)


def _height(value: float, most: float, steps: int) -> int:
    if most <= 0 or value <= 0:
        return 0
    return max(1, min(steps, round(value / most * steps)))
