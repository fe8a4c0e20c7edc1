"""`footfall insights`: what behaviour means, on the command line."""

from __future__ import annotations

import json
from typing import Any

import click
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import RenderableType

from footfall.insights.v1 import (
    feed_pb2,
    insight_pb2,
    insight_requests_pb2,
    profile_requests_pb2,
    settings_pb2,
    signals_pb2,
    watch_pb2,
)
from services.cli.insight import thresholds, views
from services.cli.insight.asking import AsOf, Insight, asks
from services.cli.terminal import consoles

_TYPES = [
    value.name.removeprefix("INSIGHT_TYPE_").lower()
    for value in insight_pb2.InsightType.DESCRIPTOR.values[1:]
]
_STATES = [
    value.name.removeprefix("INSIGHT_STATE_").lower()
    for value in insight_pb2.InsightState.DESCRIPTOR.values[1:]
]


@click.group(short_help="See who is about to leave, who is stuck, who is ready for more.")
def command() -> None:
    r"""See who is about to leave, who is stuck, who is ready for more, and why we believe it.

    All but `backtest FILE` call insight with an API key (FOOTFALL_API_KEY or --key).

    \b
    footfall insights generate                     everything that is open now
    footfall insights generate --as-of 2013-12-31  as it looked at the end of that day
    footfall insights profile mia                  how far somebody has come
    footfall insights backtest                     how often the detectors were right
    """


def _subject(act: Any) -> Any:
    act = click.option("--client", "client_id", metavar="CLIENT_ID", help="Only this client.")(act)
    return click.option("--user", "user_id", metavar="USER_ID", help="Only this user.")(act)


def _types(act: Any) -> Any:
    return click.option(
        "--type", "types", type=click.Choice(_TYPES), multiple=True, help="Only this type."
    )(act)


_AS_OF = click.option(
    "--as-of", type=AsOf(), metavar="TIME", help="As it was at the end of a day, or at a time."
)


@command.command("generate")
@_subject
@_AS_OF
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="Show so many."
)
@asks
async def generate(
    insight: Insight,
    *,
    user_id: str | None,
    client_id: str | None,
    as_of: Timestamp | None,
    limit: int,
    as_json: bool,
) -> None:
    """Run the detectors, and show what is open."""
    about = _about(user_id, client_id)
    request = insight_requests_pb2.GenerateInsightsRequest(as_of=as_of, **about)
    answer = await insight.ask("GenerateInsights", request)
    shown, total = list(answer.insights[:limit]), sum(one.count for one in answer.totals)
    counts = ", ".join(f"{one.count} {views.type_name(one.insight_type)}" for one in answer.totals)
    rest = f"{len(shown)} of {total:,} shown ({counts})" if total else ""
    _tell(
        answer, views.insights(shown), views.insufficient(answer.insufficient), rest,
        as_json=as_json,
    )  # fmt: skip


@command.command("list")
@_subject
@_types
@click.option("--state", "states", type=click.Choice(_STATES), multiple=True, help="Only these.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Most.")
@asks
async def list_insights(
    insight: Insight,
    *,
    user_id: str | None,
    client_id: str | None,
    types: tuple[str, ...],
    states: tuple[str, ...],
    limit: int,
    as_json: bool,
) -> None:
    """List insights, those seen last first; without --state the open ones."""
    request = insight_requests_pb2.ListInsightsRequest(
        page_size=limit,
        user_id=user_id or "",
        client_id=client_id or "",
        insight_types=_type_numbers(types),
        states=[insight_pb2.InsightState.Value(f"INSIGHT_STATE_{s.upper()}") for s in states],
    )
    answer = await insight.ask("ListInsights", request)
    _tell(answer, views.insights(answer.insights), as_json=as_json)


@command.command("show")
@click.argument("insight_id")
@asks
async def show(insight: Insight, *, insight_id: str, as_json: bool) -> None:
    """Show one insight."""
    request = insight_requests_pb2.GetInsightRequest(insight_id=insight_id)
    answer = await insight.ask("GetInsight", request)
    _tell(answer, views.insights([answer.insight]), as_json=as_json)


def _decision(verb: str, explanation: str) -> click.Command:
    """One of the three commands that decide on an insight."""

    async def decide(insight: Insight, *, insight_id: str, note: str, as_json: bool) -> None:
        method = f"{verb.capitalize()}Insight"
        asked = getattr(insight_requests_pb2, f"{method}Request")
        answer = await insight.ask(method, asked(insight_id=insight_id, note=note))
        _tell(answer, views.insights([answer.insight]), as_json=as_json)

    decide.__doc__ = explanation
    act = click.option("--note", metavar="TEXT", default="", help="Why.")(asks(decide))
    return click.command(verb)(click.argument("insight_id")(act))


command.add_command(_decision("acknowledge", "Say that you have taken an insight on."))
command.add_command(_decision("resolve", "Say that an insight is done with."))
command.add_command(_decision("dismiss", "Say that an insight is of no use."))


@command.command("watch")
@_types
@asks
async def watch(insight: Insight, *, types: tuple[str, ...], as_json: bool) -> None:
    """Follow insights as they are found or change; Ctrl-C ends it."""
    request = watch_pb2.WatchInsightsRequest(insight_types=_type_numbers(types))
    async for message in insight.follow("WatchInsights", request):
        if message.insights:
            _tell(message, views.insights(message.insights), as_json=as_json)


@command.command("profile")
@click.argument("user_id")
@_AS_OF
@asks
async def profile(
    insight: Insight, *, user_id: str, as_of: Timestamp | None, as_json: bool
) -> None:
    """Show how far a user has come, and what would help."""
    request = profile_requests_pb2.GetBehaviourProfileRequest(user_id=user_id, as_of=as_of)
    answer = await insight.ask("GetBehaviourProfile", request)
    _tell(answer, views.profile(answer.profile), as_json=as_json)


@command.command("signals")
@click.argument("client_id")
@_AS_OF
@asks
async def signals(
    insight: Insight, *, client_id: str, as_of: Timestamp | None, as_json: bool
) -> None:
    """Show what journey and pricing see of a client."""
    request = signals_pb2.GetClientSignalsRequest(client_id=client_id, as_of=as_of)
    answer = await insight.ask("GetClientSignals", request)
    _tell(answer, views.signals(answer.signals), as_json=as_json)


@command.command("deliveries")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Most.")
@asks
async def deliveries(insight: Insight, *, limit: int, as_json: bool) -> None:
    """List what was handed to the concierge and the tier manager."""
    answer = await insight.ask(
        "ListFeedDeliveries", feed_pb2.ListFeedDeliveriesRequest(page_size=limit)
    )
    _tell(answer, views.deliveries(answer.deliveries), as_json=as_json)


@command.command("publish")
@_subject
@click.argument("feed", type=click.Choice(["concierge", "tier-manager"]))
@click.option("--session", "session_id", metavar="ID", help="The concierge's session.")
@asks
async def publish(
    insight: Insight,
    *,
    feed: str,
    session_id: str | None,
    user_id: str | None,
    client_id: str | None,
    as_json: bool,
) -> None:
    """Hand open insights to the concierge or to the tier manager."""
    if feed == "tier-manager":
        request: Message = feed_pb2.PublishToTierManagerRequest()
        answer = await insight.ask("PublishToTierManager", request)
    else:
        if not session_id:
            raise click.UsageError("The concierge needs to know of which --session.")
        request = feed_pb2.PublishToConciergeRequest(
            session_id=session_id, **_about(user_id, client_id)
        )
        answer = await insight.ask("PublishToConcierge", request)
    _tell(answer, views.insights(answer.insights), as_json=as_json)


@command.command("settings")
@click.argument("changes", metavar="[NAME=VALUE]...", nargs=-1)
@asks
async def settings(insight: Insight, *, changes: tuple[str, ...], as_json: bool) -> None:
    r"""Show the thresholds of the detectors, or change some.

    \b
    footfall insights settings
    footfall insights settings stuck_count=8 weights.churn_risk=0.95
    """
    request = settings_pb2.GetDetectorSettingsRequest()
    answer = await insight.ask("GetDetectorSettings", request)
    if changes:
        wish = thresholds.changed(changes, answer.settings.etag)
        asked = settings_pb2.UpdateDetectorSettingsRequest(settings=wish)
        answer = await insight.ask("UpdateDetectorSettings", asked)
    _tell(answer, thresholds.table(answer.settings), as_json=as_json)


def _about(user_id: str | None, client_id: str | None) -> dict[str, str]:
    """The subject of a request, which is one at most."""
    if user_id and client_id:
        raise click.UsageError("Give --user or --client, not both.")
    given = {"user_id": user_id, "client_id": client_id}
    return {name: value for name, value in given.items() if value}


def _type_numbers(types: tuple[str, ...]) -> list[insight_pb2.InsightType.ValueType]:
    return [insight_pb2.InsightType.Value(f"INSIGHT_TYPE_{name.upper()}") for name in types]


def _tell(answer: Message, *pictures: RenderableType, as_json: bool) -> None:
    if as_json:
        document = MessageToDict(answer, preserving_proto_field_name=True)
        print(json.dumps(document, ensure_ascii=False), flush=True)
        return
    console = consoles.answers()
    for picture in pictures:
        if picture:
            console.print(picture)
