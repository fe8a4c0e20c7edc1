"""`footfall insights`: what behaviour means, on the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from google.protobuf.timestamp_pb2 import Timestamp

from footfall.insights.v1 import (
    feed_pb2,
    insight_pb2,
    insight_requests_pb2,
    profile_requests_pb2,
    settings_pb2,
    signals_pb2,
)
from services.cli.calling import Caller, calls_to
from services.cli.following import until_told
from services.cli.insight import thresholds, views
from services.cli.insight.asking import Insight, asks
from services.cli.insight.backtest import backtest
from services.cli.insight.watching import Watch, watched
from services.cli.moments import EndOf
from services.cli.telling import one_line, printable, show

_TYPES = [
    value.name.removeprefix("INSIGHT_TYPE_").lower()
    for value in insight_pb2.InsightType.DESCRIPTOR.values[1:]
]
_STATES = [
    value.name.removeprefix("INSIGHT_STATE_").lower()
    for value in insight_pb2.InsightState.DESCRIPTOR.values[1:]
]


def _decision(verb: str, explanation: str) -> click.Command:
    """One of the three commands that decide on an insight."""

    async def decide(insight: Insight, *, insight_id: str, note: str, as_json: bool) -> None:
        method = f"{verb.capitalize()}Insight"
        asked = getattr(insight_requests_pb2, f"{method}Request")
        _tell_one(
            await insight.ask(method, asked(insight_id=insight_id, note=note)), as_json=as_json
        )

    decide.__doc__ = explanation
    act = click.option("--note", metavar="TEXT", default="", help="Why, in words; it is kept.")(
        asks(decide)
    )
    return click.command(verb)(click.argument("insight_id")(act))


_DECISIONS = (
    _decision("acknowledge", "Say that somebody has taken an insight on."),
    _decision("resolve", "Say that an insight is done with. It comes back on a relapse."),
    _decision("dismiss", "Say that an insight is of no use. It comes back when it gets worse."),
)


@click.group(
    short_help="See who is about to leave, who is stuck, who is ready for more.",
    commands=[*_DECISIONS, backtest],
)
def command() -> None:
    r"""See who is about to leave, who is stuck, who is ready for more, and why we believe it.

    All but `backtest FILE` call insight with an API key (FOOTFALL_API_KEY, or --key). What each
    detector looks at, and what its limits are, is written in docs/detectors.md.

    \b
    footfall insights generate                     run the detectors now
    footfall insights generate --as-of 2013-12-31  as it looked at the end of that day
    footfall insights acknowledge INSIGHT_ID       say that you have taken one on
    footfall insights profile mia                  how far somebody has come
    footfall insights settings stuck_count=8       change a threshold
    footfall insights backtest                     how often the detectors were right
    """


def _subject(act: Any) -> Any:
    act = click.option("--client", "client_id", metavar="CLIENT_ID", help="Only this client.")(act)
    return click.option("--user", "user_id", metavar="USER_ID", help="Only this user.")(act)


def _types(act: Any) -> Any:
    return click.option(
        "--type",
        "types",
        type=click.Choice(_TYPES),
        multiple=True,
        help="Only this type. Repeatable.",
    )(act)


_AS_OF = click.option(
    "--as-of",
    type=EndOf(),
    help="As it was then: at the end of a day of UTC (2013-12-31), or at a moment "
    "(2013-12-31T18:00:00-05:00).  [default: now]",
)
_LIMIT = click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most so many."
)


@command.command("generate")
@_subject
@_AS_OF
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Show so many to people; --json has all, up to 1,000.",
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
    """Run the detectors, and show what is open, the worst first.

    Beside each stands what the subject did on the 28 days before. What is found is kept, unless it
    is a look back behind a run that was kept: that is only shown.
    """
    about = _about(user_id, client_id)
    request = insight_requests_pb2.GenerateInsightsRequest(as_of=as_of, **about)
    answer = await insight.ask("GenerateInsights", request)
    if as_json:
        one_line(answer)
    else:
        show(views.generated(printable(answer), limit))


@command.command("list")
@_subject
@_types
@click.option(
    "--state",
    "states",
    type=click.Choice(_STATES),
    multiple=True,
    help="Only in this state. Repeatable.  [default: open and acknowledged]",
)
@_LIMIT
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
    """List insights that were found, those seen last first."""
    request = insight_requests_pb2.ListInsightsRequest(
        page_size=limit,
        user_id=user_id or "",
        client_id=client_id or "",
        insight_types=_type_numbers(types),
        states=[insight_pb2.InsightState.Value(f"INSIGHT_STATE_{s.upper()}") for s in states],
    )
    answer = await insight.ask("ListInsights", request)
    if as_json:
        one_line(answer)
    else:
        more = "[dim]there are more: raise --limit[/]" if answer.next_page_token else ""
        show(views.insights(printable(answer).insights), more)


@command.command("show")
@click.argument("insight_id")
@asks
async def show_one(insight: Insight, *, insight_id: str, as_json: bool) -> None:
    """Show one insight."""
    request = insight_requests_pb2.GetInsightRequest(insight_id=insight_id)
    _tell_one(await insight.ask("GetInsight", request), as_json=as_json)


@command.command("watch")
@_types
@_subject
@click.option(
    "--count", type=click.IntRange(1), metavar="N", help="End after N insights.  [default: never]"
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
    help="One JSON document per insight and line, on standard output: there is no end to wait for.",
)
@calls_to("insight")
def watch(
    *,
    types: tuple[str, ...],
    user_id: str | None,
    client_id: str | None,
    count: int | None,
    resume_token: str,
    as_json: bool,
    caller: Callable[[], Caller],
) -> None:
    """Follow insights as they are found or change, until Ctrl-C.

    It begins now, and goes on by itself when the service restarts, without gap or repetition. At
    its end it says the token to go on with another time.
    """
    about = _about(user_id, client_id)
    watch = Watch(caller(), _type_numbers(types), about, resume_token)
    until_told(watched(watch, count, as_json=as_json))
    if watch.token and count is None:
        click.echo(f"Go on with: --resume-token {watch.token}", err=True)


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
    if as_json:
        one_line(answer)
    else:
        show(views.profile(printable(answer).profile))


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
    if as_json:
        one_line(answer)
    else:
        show(views.signals(printable(answer).signals))


@command.command("publish")
@click.argument("feed", type=click.Choice(["concierge", "tier-manager"]))
@click.option("--session", "session_id", metavar="ID", help="The concierge's session.")
@_subject
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
    r"""Hand open insights to the concierge or to the tier manager.

    The concierge gets the latest five, of one user or client or of anybody; the tier manager those
    of the last seven days that bear on tiers.

    \b
    footfall insights publish concierge --session s-42 --user mia
    footfall insights publish tier-manager
    """
    about = _about(user_id, client_id)
    if feed == "concierge" and not session_id:
        raise click.UsageError("The concierge's insights go to a session: give --session.")
    if feed == "tier-manager" and (session_id or about):
        raise click.UsageError("The tier manager gets those of everybody: give no option.")
    if feed == "concierge":
        request = feed_pb2.PublishToConciergeRequest(session_id=session_id or "", **about)
        answer = await insight.ask("PublishToConcierge", request)
    else:
        answer = await insight.ask("PublishToTierManager", feed_pb2.PublishToTierManagerRequest())
    if as_json:
        one_line(answer)
    else:
        told = printable(answer)
        show(views.insights(told.insights), views.delivery(told.delivery))


@command.command("deliveries")
@_LIMIT
@asks
async def deliveries(insight: Insight, *, limit: int, as_json: bool) -> None:
    """List what was handed out by feeds, the latest first."""
    request = feed_pb2.ListFeedDeliveriesRequest(page_size=limit)
    answer = await insight.ask("ListFeedDeliveries", request)
    if as_json:
        one_line(answer)
    else:
        show(views.deliveries(printable(answer).deliveries))


@command.command("settings")
@click.argument("changes", metavar="[NAME=NUMBER]...", nargs=-1)
@asks
async def settings(insight: Insight, *, changes: tuple[str, ...], as_json: bool) -> None:
    r"""Show the thresholds of the detectors, or change some.

    A change makes a new version, which runs use from then on; it takes the key of an owner or an
    admin.

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
    if as_json:
        one_line(answer)
    else:
        show(thresholds.table(printable(answer).settings))


def _about(user_id: str | None, client_id: str | None) -> dict[str, str]:
    """The subject of a request, which is one at most."""
    if user_id and client_id:
        raise click.UsageError("Give --user or --client, not both.")
    given = {"user_id": user_id, "client_id": client_id}
    return {name: value for name, value in given.items() if value}


def _type_numbers(types: tuple[str, ...]) -> list[insight_pb2.InsightType.ValueType]:
    return [insight_pb2.InsightType.Value(f"INSIGHT_TYPE_{name.upper()}") for name in types]


def _tell_one(answer: Any, *, as_json: bool) -> None:
    if as_json:
        one_line(answer)
    else:
        show(views.insights([printable(answer).insight]))
