"""`footfall insights watch`: insights as they are found or change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import click
import grpc

from footfall.insights.v1.insight_pb2 import Insight, InsightType
from footfall.insights.v1.insight_service_pb2_grpc import InsightServiceStub
from footfall.insights.v1.watch_pb2 import WatchInsightsRequest, WatchInsightsResponse
from services.cli.calling import Caller
from services.cli.following import Following
from services.cli.insight import views
from services.cli.telling import one_line, printable, show


class Watch:
    """What is followed, and how far it was."""

    def __init__(
        self,
        caller: Caller,
        types: Sequence[InsightType.ValueType] = (),
        about: Mapping[str, str] | None = None,
        token: str = "",
    ) -> None:
        self._caller, self._types, self._about = caller, types, about or {}
        self._following: Following[WatchInsightsResponse] = Following(
            "the watch", caller, self._stream, token
        )

    @property
    def token(self) -> str:
        """To go on after the last message that was taken whole."""
        return self._following.token

    async def insights(self, notice: Callable[[str], None]) -> AsyncIterator[Insight]:
        """Each as it is found or changes. Raises CallRefused."""
        async for message in self._following.messages(notice):
            for insight in message.insights:
                yield insight

    def _stream(
        self, channel: grpc.aio.Channel, token: str
    ) -> grpc.aio.UnaryStreamCall[WatchInsightsRequest, WatchInsightsResponse]:
        request = WatchInsightsRequest(insight_types=self._types, resume_token=token, **self._about)
        stub = InsightServiceStub(channel)
        return stub.WatchInsights(request, metadata=self._caller.metadata)


async def watched(watch: Watch, count: int | None, *, as_json: bool) -> None:
    """Show them, at most so many."""
    seen = 0
    async for insight in watch.insights(lambda told: click.echo(told, err=True)):
        if as_json:
            one_line(insight)
        else:
            show(views.insights([printable(insight)]))
        seen += 1
        if seen == count:
            return
