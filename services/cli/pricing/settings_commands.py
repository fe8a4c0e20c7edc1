"""`footfall pricing settings`: the guard-rails."""

from __future__ import annotations

import math
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

import click
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from footfall.pricing.v1.evidence_pb2 import (
    GetPricingSettingsRequest,
    PricingSettings,
    UpdatePricingSettingsRequest,
)
from services.cli import words
from services.cli.inputs import TEXT
from services.cli.pricing import money
from services.cli.pricing.asking import Pricing, asks
from services.cli.telling import tell

_NUMBERS = (
    "max_step_percent",
    "max_year_percent",
    "max_above_competitors_percent",
    "max_below_competitors_percent",
    "min_confidence",
)
_ROUNDING: Final = "rounding"


@click.group(short_help="Show the guard-rails of suggestions, or change some.")
def settings() -> None:
    r"""Show the guard-rails of suggestions, or change some.

    They bind suggestions; a request by hand beyond them carries a named risk.

    \b
    footfall pricing settings show
    footfall pricing settings set max_step_percent=15 rounding='1.00 EUR'
    """


@settings.command("show")
@click.option(
    "--version", type=click.IntRange(1), metavar="N", help="As of this version.  [default: now]"
)
@asks
async def show_settings(pricing: Pricing, *, version: int | None, as_json: bool) -> None:
    r"""Show every guard-rail.

    \b
    footfall pricing settings show
    """
    request = GetPricingSettingsRequest(version=version or 0)
    answer = await pricing.ask("GetPricingSettings", request)
    tell(answer, lambda told: _table(told.settings), as_json=as_json)


@settings.command("set")
@click.argument("changes", metavar="NAME=VALUE...", type=TEXT, nargs=-1, required=True)
@asks
async def set_settings(pricing: Pricing, *, changes: tuple[str, ...], as_json: bool) -> None:
    r"""Change guard-rails, which makes a new version; it takes the key of an owner or an admin.

    \b
    footfall pricing settings set max_step_percent=15 min_confidence=0.9
    """
    wish = changed(changes)
    current = await pricing.ask("GetPricingSettings", GetPricingSettingsRequest())
    wish.etag = current.settings.etag
    request = UpdatePricingSettingsRequest(settings=wish)
    answer = await pricing.ask("UpdatePricingSettings", request)
    tell(answer, lambda told: _table(told.settings), as_json=as_json)


def changed(changes: Iterable[str]) -> PricingSettings:
    """What `name=value` pairs ask for, and no more."""
    wish = PricingSettings()
    for change in changes:
        name, _, text = (part.strip() for part in change.partition("="))
        if name == _ROUNDING:
            wish.rounding.CopyFrom(money.parsed(text))
        elif name in _NUMBERS:
            setattr(wish, name, _number(change, text))
        else:
            near = get_close_matches(name, [*_NUMBERS, _ROUNDING], 2, 0.4)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            raise click.UsageError(f"There is no guard-rail {name!r}.{hint}")
    return wish


def _number(change: str, text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise click.UsageError(f"{change!r} is no change: it takes a number.")
    return found


def _table(current: PricingSettings) -> RenderableType:
    rows = Table.grid(padding=(0, 2))
    rows.add_row(Text("version", "dim"), Text(_version(current)))
    for name in _NUMBERS:
        rows.add_row(Text(name, "dim"), Text(f"{getattr(current, name):g}"))
    rounding = current.rounding
    told = money.said(rounding) if current.HasField(_ROUNDING) else "the minor unit"
    rows.add_row(Text(_ROUNDING, "dim"), Text(told))
    return rows


def _version(current: PricingSettings) -> str:
    if not current.version:
        return "the defaults"
    return f"{current.version}, by {current.changed_by} on {words.time(current.changed_at)}"
