"""The journey service: the only place that says what it is made of."""

from __future__ import annotations

import sys

from footfall.journey.v1 import journey_service_pb2 as pb
from footfall.journey.v1 import tracking_pb2
from services.journey.actions.handlers import ActionHandlers
from services.journey.catalogue.handlers import CatalogueHandlers
from services.journey.clients.handlers import ClientHandlers
from services.journey.funnels.handlers import FunnelHandlers
from services.journey.journeys.handlers import SELF_VALIDATING, JourneyHandlers
from services.journey.learning.handlers import LearningHandlers
from services.journey.parts import Insight, Parts
from services.journey.standings.handlers import StandingHandlers
from services.journey.watching.handlers import WatchHandlers
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

_AREAS = (
    CatalogueHandlers,
    ClientHandlers,
    JourneyHandlers,
    ActionHandlers,
    LearningHandlers,
    StandingHandlers,
    FunnelHandlers,
    WatchHandlers,
)


class JourneyServiceHandlers(
    CatalogueHandlers,
    ClientHandlers,
    JourneyHandlers,
    ActionHandlers,
    LearningHandlers,
    StandingHandlers,
    FunnelHandlers,
    WatchHandlers,
):
    """All of JourneyService, area by area."""

    def __init__(self, parts: Parts) -> None:
        for area in _AREAS:
            area.__init__(self, parts)


class Journey:
    """The parts, and the order in which they start and end."""

    def __init__(self, settings: Settings) -> None:
        own, clock = settings.journey, SystemClock()
        data_dir = DataDir.at(settings.storage.data_dir).prepare()
        self._url = own.database_url or ""
        self._database = Database(self._url, application_name="journey", size=own.pool_size)
        self._authenticator = make_authenticator(settings.identity, data_dir, self._database, clock)
        self._checks = Rules([tracking_pb2.TrackJourneyEventsRequest])
        self._insight = Insight(settings, data_dir, clock)
        self._metrics = Metrics()
        self._parts = Parts(
            database=self._database,
            tokens=PageTokens(load_token_key(settings.calls.token_key_file, data_dir.secrets)),
            checks=self._checks,
            insight=self._insight,
            insight_budget_seconds=own.insight_budget_ms / 1000,
            registry=self._metrics.registry,
        )

    def service(self, settings: Settings) -> Service:
        """What is served."""
        return Service(
            name="journey",
            port=settings.journey.port,
            metrics_port=settings.journey.metrics_port,
            areas=[
                Area(
                    pb.DESCRIPTOR.services_by_name["JourneyService"],
                    JourneyServiceHandlers(self._parts),
                    self_validating=SELF_VALIDATING,
                )
            ],
            authenticator=self._authenticator,
            permitted=roles.PERMITTED,
            record_foreign=self._record_foreign,
            rules=self._checks,
            metrics=self._metrics,
            startup=self._start,
            probe=self._database.ping,
            close=self._close,
        )

    async def _start(self) -> None:
        await wait_for_database(self._url)
        await self._database.open()

    async def _close(self) -> None:
        await self._insight.close()
        await self._authenticator.close()
        await self._database.close()

    async def _record_foreign(self, call: Call, named: str) -> None:
        await foreign_organisation.record(
            self._database, call.identity, named=named, method=call.method.path
        )


async def main(settings: Settings) -> None:
    """Run until told to stop."""
    await serve(Journey(settings).service(settings), settings)


if __name__ == "__main__":
    sys.exit(program.run(main))
