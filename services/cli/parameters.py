"""What may be typed for settings of organisations and keys, and what is said when it may not."""

from __future__ import annotations

import difflib
import re
import zoneinfo
from collections.abc import Collection
from typing import Any
from uuid import UUID

import click

from shared.identity.identity import Role
from shared.identity.scopes import known_scopes

_CURRENCY = re.compile(r"[A-Z]{3}")
_NAME = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]+")

Param = click.Parameter | None
Context = click.Context | None


class OrgId(click.ParamType[UUID]):
    """The id of an organisation."""

    name = "ORG_ID"

    def convert(self, value: Any, param: Param, ctx: Context) -> UUID:
        try:
            return value if isinstance(value, UUID) else UUID(value)
        except ValueError:
            self.fail(f"{value!r} is no id; see `footfall org list`.", param, ctx)


class Text(click.ParamType[str]):
    """A name that people give."""

    name = "TEXT"

    def __init__(self, longest: int) -> None:
        self._longest = longest

    def convert(self, value: Any, param: Param, ctx: Context) -> str:
        text = str(value).strip()
        if not _NAME.fullmatch(text) or len(text) > self._longest:
            self.fail(
                f"1 to {self._longest} characters are needed, none of them a control character.",
                param,
                ctx,
            )
        return text


class TimeZone(click.ParamType[str]):
    """A zone of the IANA database."""

    name = "ZONE"

    def convert(self, value: Any, param: Param, ctx: Context) -> str:
        zones = zoneinfo.available_timezones()
        if value not in zones:
            self.fail(f"{value!r} is no IANA time zone{_nearest(value, zones)}", param, ctx)
        return str(value)


class Currency(click.ParamType[str]):
    """A currency by its three letters."""

    name = "CODE"

    def convert(self, value: Any, param: Param, ctx: Context) -> str:
        if not _CURRENCY.fullmatch(value):
            self.fail(f"{value!r} is no ISO 4217 code such as USD or EUR.", param, ctx)
        return str(value)


class Limit(click.ParamType[int | str]):
    """A number, or the word that stands for none; `NO_LIMIT` says so within."""

    def __init__(self, word: str, most: int) -> None:
        self.name = f"N|{word}"
        self._word = word
        self._most = most

    def convert(self, value: Any, param: Param, ctx: Context) -> int | str:
        if str(value) == self._word:
            return self._word
        text = str(value)
        if not re.fullmatch(r"[0-9]{1,18}", text) or not 1 <= int(text) <= self._most:
            self.fail(
                f"{value!r} is neither a number from 1 to {self._most} nor `{self._word}`.",
                param,
                ctx,
            )
        return int(text)


class Scope(click.ParamType[str]):
    """A scope that some method asks for."""

    name = "SCOPE"

    def convert(self, value: Any, param: Param, ctx: Context) -> str:
        scopes = known_scopes()
        if value not in scopes:
            self.fail(f"{value!r} is no scope. There are: {', '.join(sorted(scopes))}.", param, ctx)
        return str(value)


def number(limit: int | str) -> int | None:
    """A limit as it is kept: None for its word."""
    return limit if isinstance(limit, int) else None


ORG_ID = OrgId()
SUBJECT = Text(128)
ORG_NAME = Text(200)
TIME_ZONE = TimeZone()
CURRENCY = Currency()
RETENTION = Limit("forever", 36_500)
CALLS_PER_SECOND = Limit("unlimited", 1_000_000)
EVENTS_PER_DAY = Limit("unlimited", 10**15)
SCOPE = Scope()
ROLE = click.Choice([role.value for role in Role])


def _nearest(value: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(value, known, n=3)
    return f"; did you mean {' or '.join(near)}?" if near else "."
