"""The signals of a client, or of all clients page by page."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import datetime

from services.insight.signals import queries
from services.insight.signals.rules import (
    Page,
    QuartileKey,
    Quartiles,
    Signals,
    Which,
    before,
    quartile_key,
)
from shared.database import Database, Tenant
from shared.identity.identity import Identity


class ClientSignals:
    """Asks for signals; the quartile of an organisation about once a minute."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._fleets = Fleets(database)

    async def get_client_signals(
        self, caller: Identity, client_id: str, as_of: datetime
    ) -> Signals:
        """What is known of a client; zeros when nothing is."""
        quartile = self._fleets.ask(caller.tenant, as_of)
        signals = await queries.select_signals(self._database, caller.tenant, client_id, as_of)
        return signals._replace(feature_uses_p25=await asyncio.shield(quartile))

    async def list_client_signals(self, caller: Identity, which: Which, *, size: int) -> Page:
        """A page of the clients that were active of late, by client."""
        quartile = self._fleets.ask(caller.tenant, which.as_of)
        page = await queries.select_page(self._database, caller.tenant, which, limit=size + 1)
        return replace(
            page,
            feature_uses_p25=await asyncio.shield(quartile),
            clients=page.clients[:size],
            more=len(page.clients) > size,
        )


class Fleets:
    """Quartiles, each computed once for all who ask, and for none of them in particular.

    A caller that goes away takes nothing from the others, nor from who asks next.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._quartiles = Quartiles()
        self._asked: dict[QuartileKey, asyncio.Task[float | None]] = {}

    def ask(self, tenant: Tenant, as_of: datetime) -> asyncio.Future[float | None]:
        """The quartile; wait for it behind a shield.

        Whoever asks first waits for it, and so do the others, unless a quarter of an hour has just
        begun: they go on with the one before, which is less than a minute old, too.
        """
        key, now = quartile_key(tenant.org_id, as_of), time.monotonic()
        known, asked = self._quartiles.get(key, now), self._asked.get(key)
        if asked is None and self._quartiles.due(key, now):
            asked = self._begin(key, tenant, as_of, now)
        elif known is None:
            known = self._quartiles.get(before(key), now)
        if known is None and asked is not None:
            return asked
        ready = asyncio.get_running_loop().create_future()
        ready.set_result(known.value if known else None)
        return ready

    def _begin(
        self, key: QuartileKey, tenant: Tenant, as_of: datetime, now: float
    ) -> asyncio.Task[float | None]:
        task = asyncio.create_task(self._compute(key, tenant, as_of, now))
        self._asked[key] = task
        task.add_done_callback(lambda _: self._asked.pop(key))
        task.add_done_callback(_take_note)
        return task

    async def _compute(
        self, key: QuartileKey, tenant: Tenant, as_of: datetime, now: float
    ) -> float | None:
        value = await queries.select_quartile(self._database, tenant, as_of)
        self._quartiles.put(key, value, now)
        return value


def _take_note(done: asyncio.Task[float | None]) -> None:
    """Whoever still waits is told of a failure; it is no fault that nobody does."""
    if not done.cancelled():
        done.exception()
