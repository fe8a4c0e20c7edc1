"""Asking journey."""

from __future__ import annotations

import functools
from contextlib import AbstractAsyncContextManager

from footfall.journey.v1.journey_service_pb2_grpc import JourneyServiceStub
from services.cli.asking import Asked, asked, asking
from services.cli.calling import Caller

Journey = Asked

asks = functools.partial(asking, "journey", JourneyServiceStub)
"""Makes a command of what asks journey."""


def journey_of(caller: Caller) -> AbstractAsyncContextManager[Journey]:
    """Connected; a call that fails is said in words."""
    return asked(caller, JourneyServiceStub)
