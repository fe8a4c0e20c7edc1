"""Where people are spoken to: answers on standard output, all else on standard error."""

from __future__ import annotations

from rich.console import Console

_WIDEST = 100
"""A line longer than this is hard to follow, however wide the terminal is."""


def answers() -> Console:
    """For what the command was asked for. Colour only on a terminal, and never with NO_COLOR."""
    return _console(stderr=False)


def asides() -> Console:
    """For progress and remarks, so that standard output can be piped."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal or console.width > _WIDEST:
        console.width = _WIDEST
    return console
