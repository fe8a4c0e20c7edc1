"""Calls of pricing, as they go out."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from footfall.pricing.v1.approval_pb2 import GetApprovalRequest, RequestApprovalRequest
from services.cli.pricing import asking


class Wire:
    """A channel that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def unary_unary(self, *_: object, **__: object) -> Any:
        return lambda request, **_: self.sent.append(request)

    unary_stream = unary_unary


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_each_call_that_changes_something_has_an_id_of_its_own(wire: Wire) -> None:
    stubs: Any = asking.Stubs(wire)  # type: ignore[arg-type]
    request = RequestApprovalRequest(tier_id="pro", reason="why")
    for _ in range(2):
        stubs.RequestApproval(request, metadata=())
    first, second = wire.sent
    assert UUID(first.request_id) != UUID(second.request_id)
    assert first.tier_id == "pro"
    assert request.request_id == ""


def test_an_id_that_is_given_stays_and_others_get_none(wire: Wire) -> None:
    stubs: Any = asking.Stubs(wire)  # type: ignore[arg-type]
    given = RequestApprovalRequest(request_id="0198f3a2-5b7c-7000-8000-2f1d3c4b5a61")
    read = GetApprovalRequest(approval_id="0198f3a2-5b7c-7000-8000-2f1d3c4b5a62")
    stubs.RequestApproval(given, metadata=())
    stubs.GetApproval(read, metadata=())
    assert wire.sent == [given, read]
