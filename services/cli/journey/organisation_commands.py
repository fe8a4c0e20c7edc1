"""Commands that ask journey about all clients together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.interval_pb2 import Interval

from footfall.journey.v1 import actions_pb2, clients_pb2, funnel_pb2, watch_pb2
from services.cli.calling import Caller, calls_to
from services.cli.following import until_told
from services.cli.journey import advice, moving, parameters, views
from services.cli.journey.asking import Journey, asks
from services.cli.journey.watching import Watch, watched
from services.cli.moments import BeginningOf, EndOf
from services.cli.telling import one_line, printable, show

_YEAR_SECONDS = 365 * 86_400


@click.command("high-risk")
@parameters.MIN_LEVEL
@parameters.OWNER
@parameters.LIMIT
@asks
async def high_risk(
    journey: Journey, *, min_level: str | None, owner: str, limit: int, as_json: bool
) -> None:
    r"""List clients that need help now: the highest level first, then the lowest score.

    \b
    footfall journey high-risk --owner olga
    footfall journey high-risk --min-level critical --json
    """
    request = clients_pb2.ListHighRiskClientsRequest(
        page_size=limit, min_risk_level=parameters.level_number(min_level), owner=owner
    )
    answer = await journey.ask("ListHighRiskClients", request)
    of_owner = " of that owner" if owner else ""
    _tell_standings(answer, f"Nobody{of_owner} is at this level.", as_json=as_json)


@click.command("upsell")
@parameters.OWNER
@parameters.LIMIT
@asks
async def upsell(journey: Journey, *, owner: str, limit: int, as_json: bool) -> None:
    r"""List clients that are ready for more: those in stage upsell_candidate now.

    \b
    footfall journey upsell --owner olga
    """
    request = clients_pb2.ListUpsellCandidatesRequest(page_size=limit, owner=owner)
    answer = await journey.ask("ListUpsellCandidates", request)
    _tell_standings(answer, "Nobody is a candidate.", as_json=as_json)


@click.command("funnel")
@click.option(
    "--since", type=BeginningOf(), help="Who came to a stage from then on.  [default: a year back]"
)
@click.option("--until", type=EndOf(), help="And up to then; a day means its end.  [default: now]")
@click.option(
    "--segment",
    metavar="NAME",
    type=parameters.TEXT,
    default="",
    help="Only clients of this segment.",
)
@parameters.AS_OF
@asks
async def funnel(
    journey: Journey,
    *,
    since: Timestamp | None,
    until: Timestamp | None,
    segment: str,
    as_of: Timestamp | None,
    as_json: bool,
) -> None:
    r"""Show how many clients go from stage to stage, and how long that takes.

    \b
    footfall journey funnel
    footfall journey funnel --since 2026-01-01 --until 2026-03-31 --segment smb
    """
    request = funnel_pb2.GetStageFunnelRequest(
        interval=_interval(since, until, as_of), as_of=as_of, segment=segment
    )
    parameters.tell(await journey.ask("GetStageFunnel", request), moving.funnel, as_json=as_json)


@click.command("report")
@click.option(
    "--days", type=click.IntRange(1, 365), default=90, show_default=True, help="So many, up to now."
)
@asks
async def report(journey: Journey, *, days: int, as_json: bool) -> None:
    r"""Show how well actions work, and what learning adds over the rules.

    The ranges of shares are 95 % intervals; what is believed of an action lies within its range
    with 90 %.

    \b
    footfall journey report --days 30
    """
    request = actions_pb2.GetActionReportRequest(days=days)
    parameters.tell(await journey.ask("GetActionReport", request), advice.report, as_json=as_json)


@click.command("watch")
@click.option(
    "--client",
    "client_ids",
    metavar="CLIENT",
    type=parameters.TEXT,
    multiple=True,
    help="Only this one. Repeatable.",
)
@parameters.MIN_LEVEL
@parameters.STAGES
@click.option(
    "--count", type=click.IntRange(1), metavar="N", help="End after N changes.  [default: never]"
)
@click.option(
    "--resume-token",
    type=parameters.TEXT,
    metavar="TOKEN",
    default="",
    help="Go on where an earlier one ended, with the same filter. Good for 72 hours.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON document per change and line, on standard output: there is no end to wait for.",
)
@calls_to("journey")
def watch(
    *,
    client_ids: tuple[str, ...],
    min_level: str | None,
    stages: tuple[str, ...],
    count: int | None,
    resume_token: str,
    as_json: bool,
    caller: Callable[[], Caller],
) -> None:
    r"""Follow clients as their stage, level, risks or score change, until Ctrl-C.

    It begins now, and goes on by itself when the service restarts, without gap or repetition. At
    its end it says the token to go on with another time.

    \b
    footfall journey watch --min-level high
    footfall journey watch --client nw-1 --json | jq .score
    """
    request = watch_pb2.WatchJourneysRequest(
        client_ids=client_ids,
        min_risk_level=parameters.level_number(min_level),
        stages=parameters.stage_numbers(stages),
        resume_token=resume_token,
    )
    following = Watch(caller(), request)
    until_told(watched(following, count, as_json=as_json))
    if following.token:
        click.echo(f"Go on with: --resume-token {following.token}", err=True)


COMMANDS: tuple[click.Command, ...] = (high_risk, upsell, funnel, report, watch)


def _interval(
    since: Timestamp | None, until: Timestamp | None, as_of: Timestamp | None
) -> Interval | None:
    """Both ends, when one was said."""
    if since is None and until is None:
        return None
    end = until or as_of or Timestamp(seconds=int(datetime.now(UTC).timestamp()))
    return Interval(
        start_time=since or Timestamp(seconds=end.seconds - _YEAR_SECONDS), end_time=end
    )


def _tell_standings(answer: Any, nothing: str, *, as_json: bool) -> None:
    if as_json:
        one_line(answer)
    else:
        more = parameters.MORE if answer.next_page_token else ""
        show(views.standings(printable(answer).clients, nothing), more)
