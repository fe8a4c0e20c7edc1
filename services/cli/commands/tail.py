"""`footfall tail`: watch events come."""

from __future__ import annotations

import json
from collections.abc import Callable

import click
from google.protobuf.json_format import MessageToDict
from rich.text import Text

from footfall.events.v1.event_ingest_pb2 import StoredEvent
from services.cli.calling import Caller, calls
from services.cli.following import until_told
from services.cli.tailing import Tail
from services.cli.terminal import consoles

_STYLES = ("cyan", "green", "magenta", "yellow", "blue", "bright_red")
_WIDEST_TYPE = 20


@click.command(short_help="Follow events as they are committed.")
@click.option("--user", metavar="USER_ID", default="", help="Only events of this user.")
@click.option(
    "--type", "types", metavar="NAME", multiple=True, help="Only events of this type. Repeatable."
)
@click.option(
    "--count", type=click.IntRange(1), metavar="N", help="End after N events.  [default: never]"
)
@click.option(
    "--resume-token",
    metavar="TOKEN",
    default="",
    help="Go on where an earlier one ended, with the same filter. Good for 72 hours.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON document per event and line, on standard output: a tail has no end to wait for.",
)
@calls
def command(
    *,
    user: str,
    types: tuple[str, ...],
    count: int | None,
    resume_token: str,
    as_json: bool,
    caller: Callable[[], Caller],
) -> None:
    r"""Follow events as they are committed, one line each, until Ctrl-C.

    It begins now. When the service restarts, or the stream reaches the end of its life, it goes on
    by itself, without gap or repetition. At its end it says the token to go on with another time.

    \b
    footfall tail
    footfall tail --user N14228 --type feature_used
    footfall tail --json | jq .event.feature
    footfall tail --count 1 --json              wait for the next event
    """
    tail = Tail(caller(), user, types, resume_token)
    show = _json_line if as_json else _line()
    until_told(_follow(tail, show, count))
    if tail.token and count is None:
        click.echo(f"Go on with: --resume-token {tail.token}", err=True)


async def _follow(tail: Tail, show: Callable[[StoredEvent], None], count: int | None) -> None:
    seen = 0
    async for event in tail.events(_notice):
        show(event)
        seen += 1
        if seen == count:
            return


def _json_line(stored: StoredEvent) -> None:
    document = MessageToDict(stored, preserving_proto_field_name=True)
    print(json.dumps(document, ensure_ascii=False), flush=True)


def _line() -> Callable[[StoredEvent], None]:
    console = consoles.answers()

    def show(stored: StoredEvent) -> None:
        event = stored.event
        line = Text(f"{event.occurred_at.ToDatetime():%Y-%m-%d %H:%M:%S} ", "dim")
        line.append(f"{event.type:{_WIDEST_TYPE}} ", _STYLES[sum(event.type.encode()) % 6])
        line.append(f"{event.user_id:12} ", "bold").append(f"{event.feature} ")
        line.append(event.properties_json, "dim")
        console.print(line, overflow="ellipsis", no_wrap=True)

    return show


def _notice(message: str) -> None:
    click.echo(message, err=True)
