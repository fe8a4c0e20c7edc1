"""What the demo has to say: pictures for people as it goes, one document for scripts at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, RenderableType
from rich.padding import Padding

_INDENT = 5


@dataclass
class Telling:
    """People get `console`; scripts, without one, get `document`."""

    console: Console | None
    acts: int = 10
    document: dict[str, Any] = field(default_factory=dict)
    _act: int = 0

    def act(self, title: str) -> None:
        """A new part begins."""
        self._act += 1
        if self.console is not None:
            self.console.print(f"\n[bold]{self._act}/{self.acts}  {title}[/]")

    def show(self, *pictures: RenderableType) -> None:
        """For people."""
        for picture in pictures:
            if self.console is not None:
                self.console.print(Padding(picture, (0, 0, 0, _INDENT), expand=False))

    def lines(self, *lines: str) -> None:
        """For people, to be copied: never wrapped nor cut."""
        for line in lines:
            if self.console is not None:
                self.console.print(line, soft_wrap=True)

    def remark(self, words: str) -> None:
        """An aside for people."""
        self.show(f"[dim]{words}[/]")

    def keep(self, **facts: Mapping[str, Any] | list[Any] | str | float | bool) -> None:
        """For scripts."""
        self.document.update(facts)
