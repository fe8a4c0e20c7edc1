"""Guard-rails on the command line."""

from __future__ import annotations

import click
import pytest

from services.cli.pricing import money
from services.cli.pricing.settings_commands import changed


def test_what_is_named_is_asked_for_and_no_more() -> None:
    wish = changed(["max_step_percent=15", "rounding=1.00 EUR"])
    assert wish.max_step_percent == 15
    assert wish.rounding == money.parsed("1 EUR")
    assert not wish.HasField("min_confidence")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("max_stp_percent=15", "Did you mean max_step_percent"),
        ("max_step_percent=much", "it takes a number"),
        ("max_step_percent=1e400", "it takes a number"),
        ("min_confidence=nan", "it takes a number"),
        ("rounding=0.005 EUR", "2 decimals"),
    ],
)
def test_what_cannot_be_is_refused_in_words(change: str, told: str) -> None:
    with pytest.raises(click.UsageError) as refused:
        changed([change])
    assert told in refused.value.message
