"""Asking insight."""

from __future__ import annotations

import functools
from contextlib import AbstractAsyncContextManager

from footfall.insights.v1.insight_service_pb2_grpc import InsightServiceStub
from services.cli.asking import Asked, asked, asking
from services.cli.calling import Caller

Insight = Asked

asks = functools.partial(asking, "insight", InsightServiceStub)
"""Makes a command of what asks insight."""


def insight_of(caller: Caller) -> AbstractAsyncContextManager[Insight]:
    """Connected; a call that fails is said in words."""
    return asked(caller, InsightServiceStub)
