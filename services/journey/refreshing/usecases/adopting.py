"""Clients that were made known after events that name them."""

from __future__ import annotations

from uuid import UUID

from services.journey.catalogue.usecases import read_settings
from services.journey.clients.queries import update_adopted
from services.journey.journeys.rules.moments import to_micros
from services.journey.journeys.usecases import store_ingested
from services.journey.refreshing import queries
from services.journey.refreshing.queries import Told
from services.journey.refreshing.usecases.passing import WORKER
from services.journey.refreshing.usecases.turns import Turns
from shared.clock import Clock
from shared.database import Database, Tenant

_CLIENTS = 1_000
_EVENTS = 5_000


class Adoption:
    """Brings what was ingested of clients before they were known into their journeys.

    Whoever follows the log finds all that is committed later than a client. Twice does no harm.
    """

    def __init__(self, database: Database, across: Database, clock: Clock) -> None:
        """`across` is the maintenance login, which sees every organisation."""
        self._database = database
        self._across = across
        self._clock = clock
        self._turns = Turns("adoption", clock)

    async def adopt(self) -> int:
        """Look for the past of some of everyone's new clients; of how many."""
        async with self._across.across_tenants() as raw:
            organisations = await queries.select_unadopted_organisations(raw)
        adopted = [
            await self._turns.take(org_id, self._adopt(org_id))
            for org_id in organisations
            if self._turns.may(org_id)
        ]
        return sum(count or 0 for count in adopted)

    async def _adopt(self, org_id: UUID) -> int:
        async with self._database.raw_transaction(Tenant(org_id, WORKER)) as raw:
            clients = await queries.select_unadopted(raw, org_id, _CLIENTS)
        last: Told | None = None
        while True:
            async with self._database.raw_transaction(Tenant(org_id, WORKER)) as raw:
                found = await queries.select_told_of(
                    raw, org_id, clients, after=last, limit=_EVENTS
                )
                if found:
                    settings = await read_settings(raw, org_id)
                    now = to_micros(self._clock.now())
                    await store_ingested(raw, org_id, found, now, settings)
                if len(found) < _EVENTS:
                    await update_adopted(raw, org_id, clients)
                    return len(clients)
            last = found[-1]
