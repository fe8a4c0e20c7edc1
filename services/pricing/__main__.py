"""The pricing service: the only place that says what it is made of."""

from __future__ import annotations

import sys

from footfall.audit.v1 import audit_pb2
from footfall.pricing.v1 import approval_service_pb2, pricing_service_pb2
from services.pricing.approvals.handlers import ApprovalHandlers
from services.pricing.audit.handlers import AuditHandlers
from services.pricing.changes.handlers import ChangeHandlers
from services.pricing.competitors.handlers import CompetitorHandlers
from services.pricing.evidence.handlers import EvidenceHandlers
from services.pricing.evidence.rules import statistics
from services.pricing.evidence.rules.questions import Known
from services.pricing.guard_rails.handlers import GuardRailHandlers
from services.pricing.parts import Parts
from services.pricing.suggestions.handlers import SuggestionHandlers
from services.pricing.tiers.handlers import TierHandlers
from shared import program
from shared.anchors import FileAnchors, anchors_file
from shared.clock import SystemClock
from shared.computing.kept import Kept
from shared.computing.pool import ComputePool
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

_KEPT_TIERS = 2_000
"""Of how many tiers evidence is kept, those of all organisations together. A belief is 64 KB, so it
is 130 MB; an organisation that has more tiers than this is kept alone."""
_OF_PRICING = (
    TierHandlers,
    CompetitorHandlers,
    GuardRailHandlers,
    EvidenceHandlers,
    SuggestionHandlers,
)
_OF_APPROVAL = (ApprovalHandlers, ChangeHandlers)


class PricingServiceHandlers(
    TierHandlers, CompetitorHandlers, GuardRailHandlers, EvidenceHandlers, SuggestionHandlers
):
    """All of PricingService, area by area."""

    def __init__(self, parts: Parts) -> None:
        for area in _OF_PRICING:
            area.__init__(self, parts)


class ApprovalServiceHandlers(ApprovalHandlers, ChangeHandlers):
    """All of ApprovalService, area by area."""

    def __init__(self, parts: Parts) -> None:
        for area in _OF_APPROVAL:
            area.__init__(self, parts)


class Pricing:
    """The parts, and the order in which they start and end."""

    def __init__(self, settings: Settings) -> None:
        own, clock = settings.pricing, SystemClock()
        data_dir = DataDir.at(settings.storage.data_dir).prepare()
        self._url = own.database_url or ""
        self._database = Database(self._url, application_name="pricing", size=own.pool_size)
        self._authenticator = make_authenticator(settings.identity, data_dir, self._database, clock)
        self._checks = Rules([])
        self._metrics = Metrics()
        self._parts = Parts(
            database=self._database,
            tokens=PageTokens(load_token_key(settings.calls.token_key_file, data_dir.secrets)),
            checks=self._checks,
            anchors=FileAnchors(anchors_file(settings.storage.audit_anchors_file, data_dir)),
            statistics=ComputePool(size=own.statistics_processes, warm=statistics.WARM),
            evidence=Kept(_KEPT_TIERS, weigh=Known.weight),
        )

    def service(self, settings: Settings) -> Service:
        """What is served."""
        return Service(
            name="pricing",
            port=settings.pricing.port,
            metrics_port=settings.pricing.metrics_port,
            areas=_areas(self._parts),
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
        self._parts.statistics.start()
        await wait_for_database(self._url)
        await self._database.open()

    async def _close(self) -> None:
        await self._parts.statistics.close()
        await self._authenticator.close()
        await self._database.close()

    async def _record_foreign(self, call: Call, named: str) -> None:
        await foreign_organisation.record(
            self._database, call.identity, named=named, method=call.method.path
        )


def _areas(parts: Parts) -> list[Area]:
    """The three services of one process."""
    pricing = pricing_service_pb2.DESCRIPTOR.services_by_name["PricingService"]
    approval = approval_service_pb2.DESCRIPTOR.services_by_name["ApprovalService"]
    audit = audit_pb2.DESCRIPTOR.services_by_name["AuditService"]
    return [
        Area(pricing, PricingServiceHandlers(parts)),
        Area(approval, ApprovalServiceHandlers(parts)),
        Area(audit, AuditHandlers(parts)),
    ]


async def main(settings: Settings) -> None:
    """Run until told to stop."""
    await serve(Pricing(settings).service(settings), settings)


if __name__ == "__main__":
    sys.exit(program.run(main))
