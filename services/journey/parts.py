"""What every area of journey is made with."""  # house: the wiring hands it to all areas

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from grpc import aio
from prometheus_client import CollectorRegistry

from shared.clients import Caller
from shared.clock import Clock
from shared.data_dir import DataDir
from shared.database import Database
from shared.identity.internal import InternalSigner
from shared.identity.wiring import internal_key
from shared.rpc.listener import tls_files
from shared.rpc.page_token import PageTokens
from shared.rpc.validation import Rules
from shared.settings import Settings

_NAME = "journey"


class Insight:
    """How journey calls insight: for whoever asked, or for an organisation of its own accord."""

    def __init__(self, settings: Settings, data_dir: DataDir, clock: Clock) -> None:
        self._signer = InternalSigner(internal_key(settings.identity, data_dir), _NAME, clock)
        address = settings.command_line.insight_address or f"127.0.0.1:{settings.insight.port}"
        caller = Caller(self._signer.token, tls=tls_files(settings.listen))
        self.channel = caller.channel(address)
        """Calls made while one of ours is in hand carry its organisation and its deadline."""
        self.hurried = caller.channel(address, retries=False)
        """For calls that somebody waits for: what fails is not tried again."""

    def metadata(self, org_id: UUID, act: str = _NAME) -> aio.Metadata:
        """Goes along with calls that are made for an organisation, not for the call in hand."""
        return aio.Metadata(("authorization", f"Bearer {self._signer.token(org_id, act)}"))

    async def close(self) -> None:
        await self.channel.close()
        await self.hurried.close()


@dataclass(frozen=True, slots=True)
class Parts:
    """What the areas share."""

    database: Database
    tokens: PageTokens
    checks: Rules
    """For methods that validate the items of a batch one by one."""
    insight: Insight
    insight_budget_seconds: float
    """How long an answer waits for insight."""
    registry: CollectorRegistry
    """Where areas count what operators should see."""
