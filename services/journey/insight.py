# house: both who asks about one client and who asks about all of them call insight through it
"""The calls to insight, in words of the domain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from grpc import StatusCode, aio

from footfall.insights.v1 import signals_pb2 as pb
from services.journey.journeys.rules.vocabulary import Signals
from services.journey.parts import Insight
from services.journey.signals import wire
from services.journey.signals.errors import InsightAway, InsightFails, InsightLate, InsightRefuses
from services.journey.signals.rules.sweeps import Fleet

_SERVICE = "/footfall.insights.v1.InsightService"
_FAILURES: dict[StatusCode, type[Exception]] = {
    StatusCode.INVALID_ARGUMENT: InsightRefuses,
    StatusCode.NOT_FOUND: InsightRefuses,
    StatusCode.RESOURCE_EXHAUSTED: InsightRefuses,
    StatusCode.DEADLINE_EXCEEDED: InsightLate,
    StatusCode.UNAVAILABLE: InsightAway,
}


class Asking:
    """Asks about clients. Answers stay bytes until they are judged: anything may come back.

    Every question raises InsightFails, or InsightRefuses.
    """

    def __init__(self, insight: Insight) -> None:
        self._insight = insight
        self._one: Any = insight.hurried.unary_unary(
            f"{_SERVICE}/GetClientSignals",
            request_serializer=pb.GetClientSignalsRequest.SerializeToString,
        )
        self._several: Any = insight.channel.unary_unary(
            f"{_SERVICE}/ListClientSignals",
            request_serializer=pb.ListClientSignalsRequest.SerializeToString,
        )

    async def about_one(
        self, org_id: UUID, client_id: str, *, act: str, now: datetime, seconds: float
    ) -> Signals:
        """What insight knows of a client; it is asked once, because somebody waits."""
        request = pb.GetClientSignalsRequest(client_id=client_id)
        metadata = self._insight.metadata(org_id, act)
        raw = await _answer(self._one(request, timeout=seconds, metadata=metadata))
        return wire.from_get_client_signals(raw, client_id, now)

    async def about_several(
        self, org_id: UUID, client_ids: Sequence[str], *, now: datetime, seconds: float
    ) -> Fleet:
        """What insight knows of clients, a thousand at most."""
        request = pb.ListClientSignalsRequest(client_ids=client_ids, page_size=len(client_ids))
        metadata = self._insight.metadata(org_id)
        raw = await _answer(self._several(request, timeout=seconds, metadata=metadata))
        return wire.from_list_client_signals(raw, client_ids, now)


async def _answer(call: Any) -> bytes:
    try:
        raw: bytes = await call
    except aio.AioRpcError as error:
        raise _FAILURES.get(error.code(), InsightFails)(error.code().name) from None
    return raw
