"""The event-ingest service: the only place that says what it is made of."""

from __future__ import annotations

import asyncio
import sys

from footfall.events.v1 import event_ingest_pb2 as pb
from footfall.events.v1 import event_types_pb2
from services.event_ingest.directory import Directory
from services.event_ingest.event_types.handlers import EventTypeHandlers
from services.event_ingest.events.handlers import SELF_VALIDATING, EventHandlers
from services.event_ingest.events.usecases import Ingestion, verdict_counters
from services.event_ingest.group_commit import GroupCommit
from services.event_ingest.rejected.handlers import RejectedHandlers
from services.event_ingest.sessions.handlers import SessionHandlers
from services.event_ingest.tail.handlers import TailHandlers
from shared import program
from shared.clock import SystemClock
from shared.data_dir import DataDir
from shared.database import Database
from shared.identity import foreign_organisation, roles
from shared.identity.wiring import authenticator as make_authenticator
from shared.rpc.call import Call
from shared.rpc.methods import Area
from shared.rpc.page_token import PageTokens, load_token_key
from shared.rpc.server import Service, serve
from shared.rpc.validation import Rules
from shared.settings import Settings
from shared.startup import wait_for_database
from shared.telemetry.metrics import Metrics


class EventIngestHandlers(EventHandlers, RejectedHandlers, SessionHandlers, TailHandlers):
    """All of EventIngestService, area by area."""

    def __init__(self, ingestion: Ingestion, checks: Rules, tokens: PageTokens) -> None:
        EventHandlers.__init__(self, ingestion, checks, tokens)
        RejectedHandlers.__init__(self, ingestion, checks, tokens)
        SessionHandlers.__init__(self, ingestion.database, tokens)
        TailHandlers.__init__(self, ingestion, tokens)


class EventIngest:
    """The parts, and the order in which they start and end."""

    def __init__(self, settings: Settings) -> None:
        own, clock = settings.event_ingest, SystemClock()
        data_dir = DataDir.at(settings.storage.data_dir).prepare()
        self._url = own.database_url or ""
        self._database = Database(self._url, application_name="event-ingest", size=own.pool_size)
        self._authenticator = make_authenticator(settings.identity, data_dir, self._database, clock)
        self._tokens = PageTokens(load_token_key(settings.calls.token_key_file, data_dir.secrets))
        self._checks = Rules([pb.IngestEventsRequest, event_types_pb2.CreateEventTypeRequest])
        self._writer = GroupCommit(self._database)
        self._directory = Directory(self._database, clock)
        self._metrics = Metrics()
        self._writing: asyncio.Task[None] | None = None

    def service(self, settings: Settings) -> Service:
        """What is served."""
        return Service(
            name="event-ingest",
            port=settings.event_ingest.port,
            metrics_port=settings.event_ingest.metrics_port,
            areas=self._areas(settings.event_ingest.rejected_bytes_per_day),
            authenticator=self._authenticator,
            permitted=roles.PERMITTED,
            record_foreign=self._record_foreign,
            rules=self._checks,
            metrics=self._metrics,
            startup=self._start,
            probe=self._database.ping,
            close=self._close,
        )

    def _areas(self, rejected_bytes_per_day: int) -> list[Area]:
        counters = verdict_counters(self._metrics.registry)
        ingestion = Ingestion(
            self._database, self._directory, self._writer, counters, rejected_bytes_per_day
        )
        return [
            Area(
                pb.DESCRIPTOR.services_by_name["EventIngestService"],
                EventIngestHandlers(ingestion, self._checks, self._tokens),
                self_validating=SELF_VALIDATING,
            ),
            Area(
                event_types_pb2.DESCRIPTOR.services_by_name["EventTypeService"],
                EventTypeHandlers(self._database, self._directory, self._tokens),
            ),
        ]

    async def _start(self) -> None:
        await wait_for_database(self._url)
        await self._database.open()
        self._writing = asyncio.create_task(self._writer.run())

    async def _close(self) -> None:
        await self._writer.close()
        if self._writing is not None:
            await self._writing
        await self._directory.close()
        await self._authenticator.close()
        await self._database.close()

    async def _record_foreign(self, call: Call, named: str) -> None:
        await foreign_organisation.record(
            self._database, call.identity, named=named, method=call.method.path
        )


async def main(settings: Settings) -> None:
    """Run until told to stop."""
    await serve(EventIngest(settings).service(settings), settings)


if __name__ == "__main__":
    sys.exit(program.run(main))
