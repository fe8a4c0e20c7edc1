"""`footfall approvals watch`: requests as they change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import click
import grpc

from footfall.pricing.v1.approval_pb2 import (
    Approval,
    WatchApprovalsRequest,
    WatchApprovalsResponse,
)
from footfall.pricing.v1.approval_service_pb2_grpc import ApprovalServiceStub
from services.cli.calling import Caller
from services.cli.following import Following
from services.cli.pricing import review
from services.cli.telling import one_line, printable, show


class Watch:
    """What is followed, and how far it was."""

    def __init__(self, caller: Caller, tier_id: str, token: str) -> None:
        self._caller, self._tier_id = caller, tier_id
        self._following: Following[WatchApprovalsResponse] = Following(
            "the watch", caller, self._stream, token
        )

    @property
    def token(self) -> str:
        """To go on after the last message of which all requests were taken."""
        return self._following.token

    async def approvals(self, notice: Callable[[str], None]) -> AsyncIterator[Approval]:
        """Each as it is after a change. Raises CallRefused."""
        async for message in self._following.messages(notice):
            last = len(message.approvals) - 1
            for place, approval in enumerate(message.approvals):
                if place == last:
                    self._following.token = message.resume_token
                yield approval

    def _stream(
        self, channel: grpc.aio.Channel, token: str
    ) -> grpc.aio.UnaryStreamCall[WatchApprovalsRequest, WatchApprovalsResponse]:
        request = WatchApprovalsRequest(tier_id=self._tier_id, resume_token=token)
        stub = ApprovalServiceStub(channel)
        return stub.WatchApprovals(request, metadata=self._caller.metadata)


async def watched(watch: Watch, count: int | None, *, as_json: bool) -> None:
    """Show them, at most so many."""
    seen = 0
    async for approval in watch.approvals(lambda told: click.echo(told, err=True)):
        if as_json:
            one_line(approval)
        else:
            show(review.line(printable(approval)))
        seen += 1
        if seen == count:
            return
