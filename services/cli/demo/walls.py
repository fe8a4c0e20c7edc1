"""Proof that organisations see nothing of each other: asked through the API and the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import grpc
from rich.console import RenderableType
from rich.table import Table

from footfall.events.v1.event_ingest_pb2 import (
    GetSessionRequest,
    ListEventsRequest,
    ListRejectedEventsRequest,
    ListSessionsRequest,
    Session,
)
from footfall.events.v1.event_ingest_pb2_grpc import EventIngestServiceStub
from services.cli.calling import CallRefused
from services.cli.demo.cast import Organisation
from shared.bi import ReadOnly


@dataclass(frozen=True, slots=True)
class Trial:
    """One attempt to look over a wall."""

    who: str
    asks: str
    expected: str
    answer: str

    @property
    def holds(self) -> bool:
        """Whether the answer is the one that a wall gives."""
        return self.expected == self.answer


async def try_them(
    cast: Mapping[str, Organisation], stored: Mapping[str, int], nobody: Organisation, bi: ReadOnly
) -> list[Trial]:
    """The smallest carrier counts its own, then both it and a stranger reach for the largest's."""
    small = min(stored, key=lambda code: stored[code])
    large = max(stored, key=lambda code: stored[code])
    own, theirs, strange = _Asker(cast[small]), _Asker(cast[large]), _Asker(nobody)
    session = await theirs.a_session()
    if session is None:
        raise CallRefused(f"{large} has no sessions: does the worker of event-ingest run?")
    key, user = session.session_key, session.user_id
    trials = [
        Trial(small, "all events, page by page", str(stored[small]), str(await own.events())),
        Trial(small, f"events of {large}'s aircraft {user}", "0", await own.events_of(user)),
        Trial(small, f"a session of {large}, by its key", "NOT_FOUND", await own.get(key)),
        Trial("a stranger", "all events", "0", str(await strange.events())),
        Trial("a stranger", "all sessions", "0", str(await strange.sessions())),
        Trial("a stranger", "all rejected events", "0", str(await strange.rejected())),
        Trial("a stranger", "count(*) in SQL", "0", str(await bi.stored(nobody.org_id))),
        Trial("nobody, without a key", "all events", "UNAUTHENTICATED", await strange.keyless()),
    ]
    for asker in (own, theirs, strange):
        await asker.close()
    return trials


def table(trials: list[Trial]) -> RenderableType:
    """Who asked for what, and what they got."""
    rows = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("who", "asks for", "gets", ""):
        rows.add_column(title)
    for trial in trials:
        mark = "[green]✓[/]" if trial.holds else f"[red]expected {trial.expected}[/]"
        rows.add_row(trial.who, trial.asks, trial.answer, mark)
    return rows


def as_json(trials: list[Trial]) -> list[dict[str, Any]]:
    return [{**asdict(trial), "holds": trial.holds} for trial in trials]


class _Asker:
    """Calls as one organisation."""

    def __init__(self, organisation: Organisation) -> None:
        self._caller = organisation.caller
        self._channel = self._caller.channel()
        self._stub = EventIngestServiceStub(self._channel)

    async def close(self) -> None:
        await self._channel.close()

    async def events(self) -> int:
        """Count all events through every page."""
        count, token = 0, ""
        while True:
            request = ListEventsRequest(page_size=1000, page_token=token)
            page = await self._stub.ListEvents(request, metadata=self._caller.metadata)
            count, token = count + len(page.events), page.next_page_token
            if not token:
                return count

    async def events_of(self, user_id: str) -> str:
        request = ListEventsRequest(user_id=user_id)
        page = await self._stub.ListEvents(request, metadata=self._caller.metadata)
        return str(len(page.events))

    async def a_session(self) -> Session | None:
        """The latest session."""
        request = ListSessionsRequest(page_size=1)
        page = await self._stub.ListSessions(request, metadata=self._caller.metadata)
        return page.sessions[0] if page.sessions else None

    async def get(self, session_key: str) -> str:
        """The status with which a session by its key is answered."""
        request = GetSessionRequest(session_key=session_key)
        try:
            await self._stub.GetSession(request, metadata=self._caller.metadata)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return "OK"

    async def sessions(self) -> int:
        page = await self._stub.ListSessions(ListSessionsRequest(), metadata=self._caller.metadata)
        return len(page.sessions)

    async def rejected(self) -> int:
        page = await self._stub.ListRejectedEvents(
            ListRejectedEventsRequest(), metadata=self._caller.metadata
        )
        return len(page.rejected_events)

    async def keyless(self) -> str:
        try:
            await self._stub.ListEvents(ListEventsRequest())
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return "OK"
