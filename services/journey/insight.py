# house: both who asks about one client and who asks about all of them call insight through it
"""The calls to insight, in words of the domain."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from grpc import StatusCode, aio

from footfall.insights.v1 import signals_pb2 as pb
from services.journey.journeys.rules.vocabulary import Signals
from services.journey.parts import Insight
from services.journey.signals import wire
from services.journey.signals.errors import InsightFails, InsightRefuses

_SERVICE = "/footfall.insights.v1.InsightService"
_REFUSALS = {StatusCode.INVALID_ARGUMENT, StatusCode.NOT_FOUND, StatusCode.RESOURCE_EXHAUSTED}


class Asking:
    """Asks about clients. Answers stay bytes until they are judged: anything may come back."""

    def __init__(self, insight: Insight) -> None:
        self._insight = insight
        self._one: Any = insight.hurried.unary_unary(
            f"{_SERVICE}/GetClientSignals",
            request_serializer=pb.GetClientSignalsRequest.SerializeToString,
        )

    async def about(
        self, org_id: UUID, client_id: str, *, act: str, now: datetime, seconds: float
    ) -> Signals:
        """What insight knows of a client. Raises InsightFails and InsightRefuses."""
        request = pb.GetClientSignalsRequest(client_id=client_id)
        raw = await self._answer(self._one, request, org_id, act, seconds)
        return wire.from_get_client_signals(raw, client_id, now)

    async def _answer(
        self, method: Any, request: Any, org_id: UUID, act: str, seconds: float
    ) -> bytes:
        metadata = self._insight.metadata(org_id, act)
        try:
            raw: bytes = await method(request, timeout=seconds, metadata=metadata)
        except aio.AioRpcError as error:
            kind = InsightRefuses if error.code() in _REFUSALS else InsightFails
            raise kind(error.code().name) from None
        return raw
