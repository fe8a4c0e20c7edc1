"""Where simulated clients stand, what to do for the worst of them, and how the answer learns."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import grpc
from rich.console import RenderableType
from rich.text import Text

from footfall.journey.v1.actions_pb2 import (
    OUTCOME_IGNORED,
    GetNextBestActionRequest,
    GetNextBestActionResponse,
    RecordActionOutcomeRequest,
)
from footfall.journey.v1.clients_pb2 import (
    ClientStanding,
    ListHighRiskClientsRequest,
    UpsertClientRequest,
)
from footfall.journey.v1.journey_service_pb2_grpc import JourneyServiceStub
from footfall.journey.v1.tracking_pb2 import (
    GetClientJourneyRequest,
    GetClientJourneyResponse,
    TrackJourneyEventsRequest,
)
from services.cli import telling
from services.cli.demo.cast import Organisation
from services.cli.demo.clients import Simulated, event, simulated
from services.cli.demo.walls import Trial
from services.cli.journey import advice, views, words
from services.cli.journey.asking import Journey, journey_of
from services.cli.terminal.tables import table
from shared.refusal import StartRefused

_PAYMENT = 10_000
"""The number of the event that pays; those of the walk are below."""


class NotAllTracked(StartRefused):
    """An event of the simulated clients was not stored."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What is to be done for the worst client, and how it does."""

    about: str
    answer: GetNextBestActionResponse


@dataclass(frozen=True, slots=True)
class Followed:
    """What journey said of the simulated clients."""

    studio: Organisation
    clients: int
    events: int
    high_risk: Sequence[ClientStanding]
    journey: GetClientJourneyResponse
    moments: Sequence[Moment]
    """At first, after its action was ignored, after its invoices were paid."""

    @property
    def worst(self) -> ClientStanding:
        return self.high_risk[0]


async def follow(studio: Organisation, address: str) -> Followed:
    """Send them all, look at the worst, and let two things happen to it."""
    now = datetime.now(UTC)
    clients = simulated(now)
    async with journey_of(replace(studio.caller, address=address)) as journey:
        await _made_known(journey, clients)
        answer = await journey.ask("ListHighRiskClients", ListHighRiskClientsRequest())
        worst = answer.clients[0].client_id
        request = GetClientJourneyRequest(client_id=worst, page_size=1000)
        seen = await journey.ask("GetClientJourney", request)
        first = await _next(journey, worst)
        await _ignored(journey, worst, first)
        second = await _next(journey, worst)
        await _paid(journey, worst, seen, now)
        moments = [
            Moment("at first", first),
            Moment("after it was ignored", second),
            Moment("after invoices were paid", await _next(journey, worst)),
        ]
    events = sum(len(one.events) for one in clients)
    return Followed(studio, len(clients), events, answer.clients, seen, moments)


async def wall(followed: Followed, nobody: Organisation, address: str) -> Trial:
    """A stranger asks for the worst client."""
    worst = followed.worst
    request = GetNextBestActionRequest(client_id=worst.client_id)
    caller = replace(nobody.caller, address=address)
    answer = "OK"
    async with caller.channel() as channel:
        try:
            await JourneyServiceStub(channel).GetNextBestAction(request, metadata=caller.metadata)
        except grpc.aio.AioRpcError as error:
            answer = error.code().name
    return Trial("a stranger", f"what to do for {worst.name}", "NOT_FOUND", answer)


def pictures(followed: Followed) -> Iterable[RenderableType]:
    """Who is at risk, the journey of the worst, what to do, and what changes the answer."""
    worst = followed.worst
    yield Text("\nWho needs help", "italic")
    yield views.standings(followed.high_risk, "Nobody is at this level.")
    yield Text("\nThe worst: its journey, and what its score is made of", "italic")
    yield views.journey(followed.journey, worst.client_id, worst.name)
    yield Text("\nWhat to do for it, and why", "italic")
    yield advice.advice(followed.moments[0].answer, worst.name)
    yield Text("\nHow the answer changes", "italic")
    yield _changes(followed.moments)


def as_json(followed: Followed) -> dict[str, Any]:
    return {
        "simulated": True,
        "clients": followed.clients,
        "events": followed.events,
        "high_risk": [telling.as_json(one) for one in followed.high_risk],
        "worst": followed.worst.client_id,
        "next_best_actions": [
            {"when": one.about, **telling.as_json(one.answer)} for one in followed.moments
        ],
    }


async def _made_known(journey: Journey, clients: Sequence[Simulated]) -> None:
    await asyncio.gather(
        *(journey.ask("UpsertClient", UpsertClientRequest(client=one.client)) for one in clients)
    )
    events = [happened for one in clients for happened in one.events]
    answer = await journey.ask("TrackJourneyEvents", TrackJourneyEventsRequest(events=events))
    if answer.accepted != len(events):
        raise NotAllTracked(f"Of {len(events):,} journey events {answer.accepted:,} were stored.")


async def _next(journey: Journey, client_id: str) -> GetNextBestActionResponse:
    request = GetNextBestActionRequest(client_id=client_id)
    answer: GetNextBestActionResponse = await journey.ask("GetNextBestAction", request)
    return answer


async def _ignored(journey: Journey, client_id: str, told: GetNextBestActionResponse) -> None:
    request = RecordActionOutcomeRequest(
        client_id=client_id, action=told.action.action, outcome=OUTCOME_IGNORED,
        decision_token=told.decision_token, note="simulated",
    )  # fmt: skip
    await journey.ask("RecordActionOutcome", request)


async def _paid(
    journey: Journey, client_id: str, seen: GetClientJourneyResponse, now: datetime
) -> None:
    """Every invoice that ever was overdue."""
    overdue = [one.event for one in seen.events if one.event.event_type == "invoice_overdue"]
    invoices = sorted({str(one.metadata["invoice_id"]) for one in overdue})
    payments = [
        event(client_id, _PAYMENT + number, now, "invoice_paid", invoice_id=invoice)
        for number, invoice in enumerate(invoices)
    ]
    await journey.ask("TrackJourneyEvents", TrackJourneyEventsRequest(events=payments))


def _changes(moments: Sequence[Moment]) -> RenderableType:
    """A line for each moment, with what changed since the one before."""
    rows = table("", "what to do", "score", "level", "because", right=["score"])
    for before, one in zip([moments[0], *moments], moments, strict=False):
        answer = one.answer
        rows.add_row(
            Text(one.about),
            Text(_best(answer), "bold green"),
            Text(f"{answer.score:g}"),
            views.level(answer.risk_level),
            Text("; ".join(_news(before.answer, answer)), "dim"),
        )
    return rows


def _news(before: GetNextBestActionResponse, after: GetNextBestActionResponse) -> Iterator[str]:
    """What rests since then, and which risks cleared."""
    rested = {one.action for one in before.withheld}
    for one in after.withheld:
        if one.action not in rested:
            yield f"the first rests until {words.day(one.until)}"
    still = {one.risk for one in after.risks}
    for risk in before.risks:
        if risk.risk not in still:
            yield f"{words.risk(risk.risk)} cleared"


def _best(answer: GetNextBestActionResponse) -> str:
    return words.action(answer.action.action) if answer.HasField("action") else "nothing is due"
