"""The signals of a client, or of all clients page by page, in one round trip."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime

from services.insight.signals import queries
from services.insight.signals.rules import Page, Quartiles, Signals, Which, quartile_key
from shared.database import Database
from shared.identity.identity import Identity


class ClientSignals:
    """Asks for signals; the quartile of an organisation once a minute."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._quartiles = Quartiles()

    async def get_client_signals(
        self, caller: Identity, client_id: str, as_of: datetime
    ) -> Signals:
        """What is known of a client; zeros when nothing is."""
        key = quartile_key(caller.org_id, as_of)
        due = self._quartiles.due(key, time.monotonic())
        signals = await queries.select_signals(
            self._database, caller.tenant, client_id, as_of, quartile=due
        )
        if due:
            self._quartiles.put(key, signals.feature_uses_p25, time.monotonic())
            return signals
        return signals._replace(feature_uses_p25=self._quartiles.get(key))

    async def list_client_signals(self, caller: Identity, which: Which, *, size: int) -> Page:
        """A page of the clients that were active of late, by client."""
        key = quartile_key(caller.org_id, which.as_of)
        due = self._quartiles.due(key, time.monotonic())
        page = await queries.select_page(
            self._database, caller.tenant, which, limit=size + 1, quartile=due
        )
        if due:
            self._quartiles.put(key, page.feature_uses_p25, time.monotonic())
        return replace(
            page,
            feature_uses_p25=self._quartiles.get(key),
            clients=page.clients[:size],
            more=len(page.clients) > size,
        )
