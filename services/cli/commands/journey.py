"""`footfall journey`: where each client stands, and what to do next, on the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import click
from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from footfall.journey.v1 import (
    actions_pb2,
    clients_pb2,
    funnel_pb2,
    journey_pb2,
    tracking_pb2,
)
from services.cli.journey import advice, moving, organisation_commands, parameters, views, words
from services.cli.journey.asking import Journey, asks
from services.cli.journey.client_commands import clients
from services.cli.journey.settings_commands import settings
from services.cli.moments import BeginningOf, Moment
from services.cli.telling import one_line, printable, shortened, show, shown
from shared import ids

_PAGE = 1000


@click.group(
    short_help="See where each client stands, and what to do next.",
    commands=[clients, settings, *organisation_commands.COMMANDS],
)
def command() -> None:
    r"""See where each client stands, how well it does, and what to do next, and why.

    All call journey with an API key (FOOTFALL_API_KEY, or --key). How stages, risks and scores are
    decided is written in docs/journey.md.

    \b
    footfall journey clients import clients.csv      make your clients known
    footfall journey track nw-1 kick_off --stage active_project
    footfall journey track nw-1 invoice_overdue --metadata invoice_id=2026-17
    footfall journey show nw-1                       its journey, as a picture
    footfall journey next nw-1                       the next best action, and why
    footfall journey outcome nw-1 email_outreach accepted
    footfall journey high-risk                       who needs help, the worst first
    """


class _Metadata(click.ParamType[tuple[str, Any]]):
    """`NAME=TEXT`, or `NAME:=JSON`."""

    name = "NAME=TEXT"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        name, equals, text = parameters.TEXT.convert(value, param, ctx).partition("=")
        if not (name.removesuffix(":") and equals):
            self.fail(f"{value!r} is not NAME=TEXT, nor NAME:=JSON.", param, ctx)
        if not name.endswith(":"):
            return name, text
        try:
            found = json.loads(text)
            _try_to_send(found)
        except UnicodeEncodeError:
            self.fail(f"{shortened(text)!r} holds half of a character.", param, ctx)
        except (RecursionError, DecodeError):
            self.fail(f"{shortened(text)!r} is too deep.", param, ctx)
        except ValueError:
            self.fail(f"{shortened(text)!r} is no JSON.", param, ctx)
        return name.removesuffix(":"), found


def _try_to_send(value: Any) -> None:
    """Raises what sending and receiving it would raise."""
    holder = Struct()
    holder.update({"value": value})
    Struct.FromString(holder.SerializeToString())


def _said_once(
    ctx: click.Context, param: click.Parameter, pairs: tuple[tuple[str, Any], ...]
) -> dict[str, Any]:
    """All of them by their names."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise click.BadParameter(f"{name} is given twice.", ctx, param)
        found[name] = value
    return found


@command.command("track")
@parameters.CLIENT
@click.argument("event_type", metavar="EVENT_TYPE", type=parameters.TEXT)
@click.option(
    "--stage",
    type=click.Choice(words.names(journey_pb2.Stage)),
    help="Where the client is from then on. Events that mean something may come without.",
)
@click.option(
    "--metadata",
    type=_Metadata(),
    multiple=True,
    callback=_said_once,
    help="What else is known: a text, or NAME:=JSON for a number or a truth. Repeatable.",
)
@click.option(
    "--at",
    type=Moment(),
    help="When it happened: a day, or a moment with its zone.  [default: now]",
)
@click.option(
    "--event-id",
    metavar="UUID",
    type=parameters.TEXT,
    help="The same id is stored once.  [default: a new one]",
)
@asks
async def track(
    journey: Journey,
    *,
    client_id: str,
    event_type: str,
    stage: str | None,
    metadata: dict[str, Any],
    at: Timestamp | None,
    event_id: str | None,
    as_json: bool,
) -> None:
    r"""Say that something happened to a client, and where it is from then on.

    These mean something: `invoice_overdue` and `invoice_paid` with invoice_id,
    `support_ticket_opened` and `support_ticket_closed` with ticket_id, `milestone_reached`, and
    any event with sentiment=negative. Every other needs a --stage.

    \b
    footfall journey track nw-1 signed --stage onboarding --at 2026-01-12
    footfall journey track nw-1 support_ticket_opened --metadata ticket_id=T-7
    footfall journey track nw-1 call --stage active_project --metadata sentiment=negative
    """
    event = journey_pb2.JourneyEvent(
        event_id=event_id or ids.text(ids.uuid7(_now_milliseconds())),
        client_id=client_id,
        event_type=event_type,
        stage=journey_pb2.Stage.ValueType(words.number(journey_pb2.Stage, stage) if stage else 0),
        occurred_at=at,
    )
    if metadata:
        event.metadata.update(metadata)
    request = tracking_pb2.TrackJourneyEventRequest(event=event)
    parameters.tell(await journey.ask("TrackJourneyEvent", request), views.tracked, as_json=as_json)


@command.command("show")
@parameters.CLIENT
@parameters.AS_OF
@click.option(
    "--events",
    type=click.IntRange(1, 100_000),
    default=_PAGE,
    show_default=True,
    metavar="N",
    help="At most so many events, the oldest first.",
)
@asks
async def show_journey(
    journey: Journey, *, client_id: str, as_of: Timestamp | None, events: int, as_json: bool
) -> None:
    r"""Show the journey of a client as a picture: stages over time, and what happened when.

    Below it stands what the score is made of, and each risk with what would clear it.

    \b
    footfall journey show nw-1
    footfall journey show nw-1 --as-of 2026-01-31     as it was at the end of that day
    """
    request = tracking_pb2.GetClientJourneyRequest(client_id=client_id, as_of=as_of)
    answer = await _whole_journey(journey, request, events)
    if as_json:
        one_line(answer)
        return
    known = await journey.ask("GetClient", clients_pb2.GetClientRequest(client_id=client_id))
    one = printable(known).client
    show(views.journey(printable(answer), one.client_id, one.name))


async def _whole_journey(
    journey: Journey, request: tracking_pb2.GetClientJourneyRequest, most: int
) -> tracking_pb2.GetClientJourneyResponse:
    """One answer with the events of all pages, at most so many."""
    request.page_size = min(most, _PAGE)
    answer: tracking_pb2.GetClientJourneyResponse = await journey.ask("GetClientJourney", request)
    while answer.next_page_token and len(answer.events) < most:
        request.page_token = answer.next_page_token
        request.page_size = min(most - len(answer.events), _PAGE)
        page = await journey.ask("GetClientJourney", request)
        answer.events.extend(page.events)
        answer.next_page_token = page.next_page_token
    return answer


@command.command("next")
@parameters.CLIENT
@click.option(
    "--limit",
    type=click.IntRange(1, 25),
    default=3,
    show_default=True,
    help="At most so many actions, the best included.",
)
@parameters.AS_OF
@asks
async def next_action(
    journey: Journey, *, client_id: str, limit: int, as_of: Timestamp | None, as_json: bool
) -> None:
    r"""Show the next best action for a client, why, what else, and what not now.

    It changes nothing: asking again gives the same answer. At the end stands the command that says
    what came of it.

    \b
    footfall journey next nw-1
    footfall journey next nw-1 --limit 1 --json | jq -r .action.action
    """
    request = actions_pb2.GetNextBestActionRequest(
        client_id=client_id, max_results=limit, as_of=as_of
    )
    answer = await journey.ask("GetNextBestAction", request)
    if as_json:
        one_line(answer)
        return
    show(advice.advice(printable(answer), shown(client_id)))
    if how := advice.how_to_record(answer, client_id):
        click.echo(f"\n{how}")


@command.command("outcome")
@parameters.CLIENT
@click.argument("action", type=click.Choice(words.names(journey_pb2.Action)))
@click.argument("outcome", type=click.Choice(words.names(actions_pb2.Outcome)))
@click.option(
    "--token",
    metavar="TOKEN",
    type=parameters.TEXT,
    default="",
    help="The decision_token that `next` gave.",
)
@click.option("--at", type=BeginningOf(), help="When it was done.  [default: now]")
@click.option("--note", type=parameters.TEXT, default="", help="A note that is kept.")
@asks
async def record_outcome(
    journey: Journey,
    *,
    client_id: str,
    action: str,
    outcome: str,
    token: str,
    at: Timestamp | None,
    note: str,
    as_json: bool,
) -> None:
    r"""Say what came of an action, so that the next answer knows.

    With the token of `next` it also counts for what learning adds.

    \b
    footfall journey outcome nw-1 email_outreach accepted
    footfall journey outcome nw-1 schedule_meeting ignored --note "no reply in a week"
    """
    request = actions_pb2.RecordActionOutcomeRequest(
        client_id=client_id,
        action=journey_pb2.Action.ValueType(words.number(journey_pb2.Action, action)),
        outcome=actions_pb2.Outcome.ValueType(words.number(actions_pb2.Outcome, outcome)),
        decision_token=token,
        occurred_at=at,
        note=note,
    )
    parameters.tell(
        await journey.ask("RecordActionOutcome", request), advice.recorded, as_json=as_json
    )


@command.command("predict")
@parameters.CLIENT
@click.option(
    "--days",
    type=click.IntRange(1, 365),
    default=30,
    show_default=True,
    help="How far to look ahead.",
)
@parameters.AS_OF
@asks
async def predict(
    journey: Journey, *, client_id: str, days: int, as_of: Timestamp | None, as_json: bool
) -> None:
    r"""Say where a client is likely to go next, and when, and what that rests on.

    \b
    footfall journey predict nw-1 --days 60
    """
    request = funnel_pb2.PredictStageRequest(client_id=client_id, as_of=as_of, horizon_days=days)
    answer = await journey.ask("PredictStage", request)
    parameters.tell(
        answer, lambda told: moving.prediction(told, shown(client_id), days), as_json=as_json
    )


def _now_milliseconds() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)
