"""Sessions on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from footfall.events.v1 import event_ingest_pb2 as pb
from services.event_ingest.events.rules import StoredRow
from services.event_ingest.events.wire import from_interval
from services.event_ingest.sessions.rules import (
    End,
    Page,
    SessionFilter,
    end_by,
    tools_in_order,
)

_MESSAGE_BYTES = 3 * 1024 * 1024  # clients take 4 MiB unless they say otherwise


def from_list_sessions(request: pb.ListSessionsRequest) -> SessionFilter:
    """Which sessions are asked for."""
    return SessionFilter(request.user_id, *from_interval(request.interval))


def to_list_sessions(
    page: Page, now: datetime
) -> tuple[pb.ListSessionsResponse, tuple[str, str] | None]:
    """A page of sessions as they stand now, and where the next one goes on."""
    shown: list[pb.Session] = []
    room = _MESSAGE_BYTES
    for row in page.rows:
        one = to_session(row, now)
        room -= one.ByteSize()
        if shown and room < 0:
            break
        shown.append(one)
    response = pb.ListSessionsResponse(sessions=shown)
    if len(shown) == len(page.rows) and not page.more:
        return response, None
    last = page.rows[len(shown) - 1]
    return response, (last["started_at"].isoformat(), str(last["session_key"]))


def to_session(row: StoredRow, now: datetime) -> pb.Session:
    """A session as it stands now; `end` is a matter of the time at which one looks."""
    device = {name: value for name, (_, value) in row["device"].items()}
    return pb.Session(
        session_key=str(row["session_key"]),
        user_id=row["user_id"],
        session_id=row["session_id"],
        started_at=row["started_at"],
        last_event_at=row["last_event_at"],
        duration=row["last_event_at"] - row["started_at"],
        end=to_end(row, now),
        event_count=row["event_count"],
        export_count=row["export_count"],
        competency_points=row["competency_points"],
        tools_accessed=tools_in_order(row["tools"]),
        primary_tool=row["primary_tool"],
        device_type=device.get("device_type", ""),
        browser=device.get("browser", ""),
        os=device.get("os", ""),
        referrer=device.get("referrer", ""),
    )


def to_end(row: StoredRow, now: datetime) -> pb.SessionEnd.ValueType:
    """Why it ended, as the contract numbers it."""
    end = end_by(
        now,
        kept=End(row["ended_by"]),
        started_at=row["started_at"],
        last_at=row["last_event_at"],
    )
    return cast("pb.SessionEnd.ValueType", end.value)
