"""How far a long answer is: said to people, on a terminal or elsewhere, and never to scripts."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from services.cli.terminal import gauge


def said(*, terminal: bool, silent: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=terminal)
    with gauge.gauge(console, "judging", silent=silent) as tell:
        for percent in range(0, 101, 50):
            tell(percent / 100)
    return out.getvalue()


def test_elsewhere_it_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gauge, "_LINE_EVERY_SECONDS", 0.0)
    assert said(terminal=False, silent=False) == "judging   0%\njudging  50%\njudging 100%\n"
    monkeypatch.setattr(gauge, "_LINE_EVERY_SECONDS", 3600.0)
    assert said(terminal=False, silent=False) == ""


def test_on_a_terminal_it_is_a_bar_that_goes_away() -> None:
    drawn = said(terminal=True, silent=False)
    assert "100%" in drawn
    assert drawn.endswith("\x1b[2K"), "the line is cleared"


@pytest.mark.parametrize("terminal", [True, False])
def test_scripts_hear_nothing(*, terminal: bool) -> None:
    assert said(terminal=terminal, silent=True) == ""
