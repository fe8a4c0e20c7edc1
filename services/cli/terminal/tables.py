"""Tables without lines."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table


def table(*titles: str, right: Sequence[str] = (), whole: Sequence[str] = ("",)) -> Table:
    """An empty one; what is right or whole, such as pictures without a title, is never wrapped."""
    made = Table(box=None, pad_edge=False, header_style="dim")
    for title in titles:
        made.add_column(
            title,
            overflow="fold",
            justify="right" if title in right else "left",
            no_wrap=title in right or title in whole,
        )
    return made
