"""Asking insight about some clients, and keeping what it says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.journey.catalogue.usecases import read_settings
from services.journey.insight import Asking
from services.journey.journeys import queries as journeys
from services.journey.journeys.rules.moments import to_micros
from services.journey.journeys.usecases import restate
from services.journey.signals import queries
from services.journey.signals.rules.sweeps import Changes, Fleet, Known, changes
from shared.clock import Clock
from shared.database import Database, RawConnection, Tenant

WORKER = "service"
"""In the name of which role the worker works."""

_ANSWER_SECONDS = 25.0


class Fetching:
    """For one organisation and one page of its clients at a time."""

    def __init__(self, database: Database, insight: Asking, clock: Clock) -> None:
        self._database = database
        self._insight = insight
        self._clock = clock

    async def fetch(self, org_id: UUID, known: Sequence[Known]) -> None:
        """Keep what insight says of these clients; rules are asked again where it matters."""
        now = self._clock.now()
        names = [one.client_id for one in known]
        fleet = await self._insight.about_several(org_id, names, now=now, seconds=_ANSWER_SECONDS)
        changed = changes(known, fleet)
        async with self._database.raw_transaction(Tenant(org_id, WORKER)) as raw:
            held = await journeys.lock_states(raw, org_id, changed.held)
            await queries.lock_signals(raw, org_id)
            await _write(raw, org_id, changed, fleet=fleet, held=held, now=now)
            if restated := changed.restated & held:
                settings = await read_settings(raw, org_id)
                await restate(raw, org_id, restated, to_micros(now), settings)


async def _write(
    raw: RawConnection,
    org_id: UUID,
    changed: Changes,
    *,
    fleet: Fleet,
    held: set[str],
    now: datetime,
) -> None:
    still_there = changed.turned & held
    turned = [one for one in changed.known if one.client_id in still_there]
    if changed.known:
        await queries.update_signals(raw, org_id, changed.known, fleet)
    if new := [one for one in changed.new if one.client_id in held]:
        inserted = await queries.insert_signals(raw, org_id, new, fleet)
        turned += [one for one in new if one.client_id in inserted]
    if turned:
        await queries.insert_turns(raw, org_id, turned, fleet.feature_uses_p25, now)
