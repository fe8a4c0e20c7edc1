"""Asking pricing: one address, three services of the contract."""

from __future__ import annotations

import functools
from contextlib import AbstractAsyncContextManager
from typing import Any

import grpc

from footfall.audit.v1.audit_pb2_grpc import AuditServiceStub
from footfall.pricing.v1.approval_service_pb2_grpc import ApprovalServiceStub
from footfall.pricing.v1.pricing_service_pb2_grpc import PricingServiceStub
from services.cli.asking import Asked, asked, asking
from services.cli.calling import Caller

Pricing = Asked


class Stubs:
    """The methods of all three, which have no name in common."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stubs = (
            PricingServiceStub(channel),
            ApprovalServiceStub(channel),
            AuditServiceStub(channel),
        )

    def __getattr__(self, method: str) -> Any:
        for stub in self._stubs:
            if hasattr(stub, method):
                return getattr(stub, method)
        raise AttributeError(method)


asks = functools.partial(asking, "pricing", Stubs)
"""Makes a command of what asks pricing."""


def pricing_of(caller: Caller) -> AbstractAsyncContextManager[Pricing]:
    """Connected; a call that fails is said in words."""
    return asked(caller, Stubs)
