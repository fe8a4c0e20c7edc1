"""The insight service: the only place that says what it is made of."""

from __future__ import annotations

import sys

from footfall.insights.v1 import insight_service_pb2 as pb
from services.insight.backtests.handlers import BacktestHandlers
from services.insight.customer_actions.handlers import CustomerActionHandlers
from services.insight.detector_settings.handlers import DetectorSettingsHandlers
from services.insight.feeds.handlers import FeedHandlers
from services.insight.insights.handlers import InsightsHandlers
from services.insight.profiles.handlers import ProfileHandlers
from services.insight.signals.handlers import SignalHandlers
from services.insight.watching.handlers import WatchHandlers
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
    InsightsHandlers,
    WatchHandlers,
    BacktestHandlers,
    ProfileHandlers,
    CustomerActionHandlers,
    FeedHandlers,
    SignalHandlers,
    DetectorSettingsHandlers,
)


class InsightHandlers(
    InsightsHandlers,
    WatchHandlers,
    BacktestHandlers,
    ProfileHandlers,
    CustomerActionHandlers,
    FeedHandlers,
    SignalHandlers,
    DetectorSettingsHandlers,
):
    """All of InsightService, area by area."""

    def __init__(self, database: Database, tokens: PageTokens) -> None:
        for area in _AREAS:
            area.__init__(self, database, tokens)


class Insight:
    """The parts, and the order in which they start and end."""

    def __init__(self, settings: Settings) -> None:
        own, clock = settings.insight, SystemClock()
        data_dir = DataDir.at(settings.storage.data_dir).prepare()
        self._url = own.database_url or ""
        self._database = Database(self._url, application_name="insight", size=own.pool_size)
        self._authenticator = make_authenticator(settings.identity, data_dir, self._database, clock)
        self._tokens = PageTokens(load_token_key(settings.calls.token_key_file, data_dir.secrets))
        self._metrics = Metrics()

    def service(self, settings: Settings) -> Service:
        """What is served."""
        return Service(
            name="insight",
            port=settings.insight.port,
            metrics_port=settings.insight.metrics_port,
            areas=[
                Area(
                    pb.DESCRIPTOR.services_by_name["InsightService"],
                    InsightHandlers(self._database, self._tokens),
                )
            ],
            authenticator=self._authenticator,
            permitted=roles.PERMITTED,
            record_foreign=self._record_foreign,
            rules=Rules([]),
            metrics=self._metrics,
            startup=self._start,
            probe=self._database.ping,
            close=self._close,
        )

    async def _start(self) -> None:
        await wait_for_database(self._url)
        await self._database.open()

    async def _close(self) -> None:
        await self._authenticator.close()
        await self._database.close()

    async def _record_foreign(self, call: Call, named: str) -> None:
        await foreign_organisation.record(
            self._database, call.identity, named=named, method=call.method.path
        )


async def main(settings: Settings) -> None:
    """Run until told to stop."""
    await serve(Insight(settings).service(settings), settings)


if __name__ == "__main__":
    sys.exit(program.run(main))
