"""Asking pricing: one address, three services of the contract."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import uuid4

import grpc
from google.protobuf.message import Message

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
                return functools.partial(_identified, getattr(stub, method))
        raise AttributeError(method)


def _identified(call: Callable[..., Any], request: Message, **options: Any) -> Any:
    """The call, under an id of its own where it may have one: sent again, it is done once."""
    if "request_id" not in request.DESCRIPTOR.fields_by_name:
        return call(request, **options)
    sent: Any = type(request)()
    sent.request_id = str(uuid4())
    sent.MergeFrom(request)
    return call(sent, **options)


asks = functools.partial(asking, "pricing", Stubs)
"""Makes a command of what asks pricing."""


def pricing_of(caller: Caller) -> AbstractAsyncContextManager[Pricing]:
    """Connected; a call that fails is said in words."""
    return asked(caller, Stubs)
