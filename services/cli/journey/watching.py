"""`footfall journey watch`: clients as their stage, level, risks or score change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import click
import grpc

from footfall.journey.v1.clients_pb2 import ClientStanding
from footfall.journey.v1.journey_service_pb2_grpc import JourneyServiceStub
from footfall.journey.v1.watch_pb2 import WatchJourneysRequest, WatchJourneysResponse
from services.cli.calling import Caller
from services.cli.following import Following
from services.cli.journey import views
from services.cli.telling import one_line, printable, show


class Watch:
    """What is followed, and how far it was."""

    def __init__(self, caller: Caller, request: WatchJourneysRequest) -> None:
        self._caller, self._request = caller, request
        self._following: Following[WatchJourneysResponse] = Following(
            "the watch", caller, self._stream, request.resume_token
        )

    @property
    def token(self) -> str:
        """To go on after the last message of which all clients were taken."""
        return self._following.token

    async def clients(self, notice: Callable[[str], None]) -> AsyncIterator[ClientStanding]:
        """Each as it stands after a change. Raises CallRefused."""
        async for message in self._following.messages(notice):
            for left, client in zip(
                range(len(message.clients))[::-1], message.clients, strict=True
            ):
                if not left:
                    self._following.token = message.resume_token
                yield client

    def _stream(
        self, channel: grpc.aio.Channel, token: str
    ) -> grpc.aio.UnaryStreamCall[WatchJourneysRequest, WatchJourneysResponse]:
        request = WatchJourneysRequest()
        request.CopyFrom(self._request)
        request.resume_token = token
        stub = JourneyServiceStub(channel)
        return stub.WatchJourneys(request, metadata=self._caller.metadata)


async def watched(watch: Watch, count: int | None, *, as_json: bool) -> None:
    """Show them, at most so many."""
    seen = 0
    async for client in watch.clients(lambda told: click.echo(told, err=True)):
        if as_json:
            one_line(client)
        else:
            show(views.changed(printable(client)))
        seen += 1
        if seen == count:
            return
