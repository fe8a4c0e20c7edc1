"""Refused events on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from footfall.events.v1 import event_ingest_pb2 as pb
from services.event_ingest.events.rules import Result
from services.event_ingest.events.wire import to_event_result
from services.event_ingest.rejected.rules import Page


def to_list(page: Page) -> tuple[pb.ListRejectedEventsResponse, tuple[str] | None]:
    """A page of refused events, as they were sent, and where the next one goes on."""
    response = pb.ListRejectedEventsResponse(
        rejected_events=[
            pb.RejectedEvent(
                rejection_id=str(row["rejection_id"]),
                received_at=row["received_at"],
                verdict=row["verdict"],
                reason=row["reason"],
                message=row["message"],
                event_id=row["event_id"],
                raw=bytes(row["raw"]),
            )
            for row in page.rows
        ],
        not_kept=page.not_kept,
    )
    return response, (str(page.rows[-1]["rejection_id"]),) if page.more else None


def to_replay(
    tried: Sequence[tuple[UUID, Result]], remaining: int
) -> pb.ReplayRejectedEventsResponse:
    """What became of each."""
    results = [
        pb.ReplayResult(rejection_id=str(rejection_id), result=to_event_result(result))
        for rejection_id, result in tried
    ]
    return pb.ReplayRejectedEventsResponse(results=results, remaining=remaining)
