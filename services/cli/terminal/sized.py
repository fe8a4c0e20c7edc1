"""Pictures that are drawn otherwise where there is little room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

NARROW = 72
"""Below so many characters a line has no room for a picture beside its words."""


@dataclass(frozen=True, slots=True)
class Sized:
    """What is drawn for the width that there is."""

    draw: Callable[[int], RenderableType]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.draw(options.max_width)
