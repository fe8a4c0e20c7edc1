"""A score as a waterfall: each contribution begins where the one before it ended."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from footfall.journey.v1.journey_pb2 import Contribution, Score

_LABEL, _POINTS, _REASON = 22, 6, 26
_NARROWEST, _WIDEST = 10, 40
_FULL = 100.0
_RISK = "risk."
_UP, _DOWN = ("█", "cyan"), ("▒", "red")
"""What adds and what takes: told apart without colour too."""


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Every part of a score with its points, and what they sum to."""

    score: Score

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        parts, score = self.score.contributions, self.score.score
        room = options.max_width - _LABEL - _POINTS - _REASON
        columns = max(_NARROWEST, min(_WIDEST, room))
        running = list(accumulate((part.points for part in parts), initial=0.0))
        scale = _Scale(min(0.0, *running), max(_FULL, *running), columns)
        for part, (before, after) in zip(parts, pairwise(running), strict=True):
            points = f"{part.points:+.4g}" if before or part.points < 0 else f"{part.points:.4g}"
            yield _line(_factor(part), points, scale.bar(before, after), columns, _reason(part))
        total = _line("score", f"{score:.4g}", scale.bar(0.0, score), columns, f"of {_FULL:g}")
        total.stylize("bold", 0, _LABEL + _POINTS)
        yield total


@dataclass(frozen=True, slots=True)
class _Scale:
    """Points as columns of the picture."""

    low: float
    high: float
    columns: int

    def bar(self, before: float, after: float) -> Text:
        """From one point to the other; never invisible, but for nothing."""
        sign, style = _UP if after >= before else _DOWN
        first, last = (self._column(at) for at in sorted((before, after)))
        width = max(last - first, 1) if before != after else 0
        return Text(" " * min(first, self.columns - width) + sign * width, style)

    def _column(self, at: float) -> int:
        return round((at - self.low) / (self.high - self.low) * self.columns)


def _factor(part: Contribution) -> str:
    return part.factor.removeprefix(_RISK).replace("_", " ")


def _reason(part: Contribution) -> str:
    """Why, in a few words; risks are told of at length elsewhere."""
    return "" if part.factor.startswith(_RISK) else part.reason.replace("_", " ")


def _line(label: str, points: str, drawn: Text, columns: int, note: str) -> Text:
    line = Text(f"{label:{_LABEL - 1}}{points:>{_POINTS}} ", no_wrap=True, overflow="ellipsis")
    line.append_text(drawn).append(" " * (columns - len(drawn.plain)))
    return line.append(f" {note}", "dim")
