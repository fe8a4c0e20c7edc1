"""`footfall audit list`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click
from google.protobuf.json_format import MessageToDict
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from footfall.audit.v1.audit_pb2 import (
    AuditEntry,
    ListAuditEntriesRequest,
    ListAuditEntriesResponse,
)
from services.cli import words
from services.cli.inputs import LIMIT, TEXT
from services.cli.pricing.asking import Pricing, asks
from services.cli.telling import MORE, one_line, printable, show, shown

_INDENT = (0, 0, 0, 7)


@click.command("list")
@click.option("--actor", metavar="NAME", type=TEXT, default="", help="Only what they did.")
@click.option(
    "--action", "action_prefix", metavar="PREFIX", type=TEXT, default="",
    help="Only acts whose name begins so, such as `approval.`.",
)  # fmt: skip
@click.option("--target", metavar="ID", type=TEXT, default="", help="Only what was done to this.")
@LIMIT
@asks
async def list_entries(
    pricing: Pricing, *, actor: str, action_prefix: str, target: str, limit: int, as_json: bool
) -> None:
    r"""List who did what, the latest first.

    \b
    footfall audit list --action approval.
    footfall audit list --actor ann --limit 10
    """
    request = ListAuditEntriesRequest(actor=actor, action_prefix=action_prefix, target=target)
    answer = await _listed(pricing, request, limit)
    if as_json:
        one_line(answer)
    else:
        show(entries(printable(answer).entries), MORE if answer.next_page_token else "")


async def _listed(
    pricing: Pricing, request: ListAuditEntriesRequest, limit: int
) -> ListAuditEntriesResponse:
    """Page by page until there are enough: with a filter a page may be short, or empty."""
    answer = ListAuditEntriesResponse()
    while True:
        request.page_size = limit - len(answer.entries)
        page: ListAuditEntriesResponse = await pricing.ask("ListAuditEntries", request)
        answer.entries.extend(page.entries)
        answer.next_page_token = request.page_token = page.next_page_token
        if not page.next_page_token or len(answer.entries) >= limit:
            return answer


def entries(found: Sequence[AuditEntry]) -> RenderableType:
    """Two lines for each: who did what, and the particulars."""
    if not found:
        return Text("There are no such entries.", "dim")
    return Group(*(_entry(one) for one in found))


def _entry(one: AuditEntry) -> RenderableType:
    told = Text().append(f"{one.sequence:>5,}  ", "dim").append(words.time(one.recorded_at), "dim")
    told.append(f"  {one.actor} ({one.actor_role})  ").append(one.action, "bold cyan")
    details = "  ".join(f"{name}={_said(value)}" for name, value in _details(one))
    return Group(told, *(Padding(Text(line, "dim"), _INDENT) for line in (one.target, details)))


def _details(one: AuditEntry) -> list[tuple[str, Any]]:
    """The particulars that say something, by name."""
    found = MessageToDict(one.details)
    return [(name, found[name]) for name in sorted(found) if found[name] not in (None, "")]


def _said(value: Any) -> str:
    """As people write it; a Struct knows no whole numbers."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list):
        return ",".join(map(_said, value))
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return shown(f"'{text}'" if " " in text else text)
