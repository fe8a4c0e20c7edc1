"""Clients that were made known after events that name them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.journey.catalogue.usecases import read_settings
from services.journey.clients.queries import update_adopted
from services.journey.journeys.rules.moments import to_micros
from services.journey.journeys.usecases import store_ingested
from services.journey.refreshing import queries
from services.journey.refreshing.queries import Place, Told
from services.journey.refreshing.usecases.passing import WORKER
from services.journey.refreshing.usecases.turns import Turns
from shared.clock import Clock
from shared.database import Database, RawConnection, Tenant

_CLIENTS = 200
_EVENTS = 5_000
"""Of one page, which is a transaction."""

_FIRST: Place = (0, UUID(int=0))


@dataclass(frozen=True, slots=True)
class Adopted:
    """What a page for each organisation did."""

    clients: int
    """Whose past is all in their journeys now."""
    going_on: bool
    """More may follow."""


@dataclass(frozen=True, slots=True)
class _Page:
    told: Sequence[Told]
    whole: Mapping[str, datetime]
    """Clients of which it has the last event."""
    place: tuple[str, datetime, Place] | None
    """Where it ended within a client."""


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
        self._places: dict[UUID, tuple[str, datetime, Place]] = {}
        """Up to where the events of a client that has many are stored. Not kept: another worker
        begins anew with it."""

    async def adopt(self) -> Adopted:
        """Look for the past of some of everyone's new clients, a page for each organisation."""
        async with self._across.across_tenants() as raw:
            organisations = await queries.select_unadopted_organisations(raw)
        found = [
            await self._turns.take(org_id, self._adopt(org_id))
            for org_id in organisations
            if self._turns.may(org_id)
        ]
        pages = [page for page in found if page is not None]
        going_on = any(page.whole or page.place for page in pages)
        return Adopted(sum(len(page.whole) for page in pages), going_on)

    async def _adopt(self, org_id: UUID) -> _Page:
        async with self._database.raw_transaction(Tenant(org_id, WORKER)) as raw:
            page = await self._read(raw, org_id)
            if page.told:
                settings = await read_settings(raw, org_id)
                now = to_micros(self._clock.now())
                await store_ingested(raw, org_id, page.told, now, settings)
            if page.whole:
                await update_adopted(raw, org_id, page.whole)
        self._places.pop(org_id, None)
        if page.place is not None:
            self._places[org_id] = page.place
        return page

    async def _read(self, raw: RawConnection, org_id: UUID) -> _Page:
        """All events of clients that have few, and of the others by one until it is full."""
        clients, events = (self._turns.share(org_id, whole) for whole in (_CLIENTS, _EVENTS))
        known = await queries.select_unadopted(raw, org_id, clients)
        few = max(1, events // clients)
        begun = await queries.select_told_of(raw, org_id, known, after=_FIRST, limit=few)
        counts = Counter(client_id for client_id, _ in begun)
        told = [one for one in begun if counts[one[0]] < few]
        whole = {one: since for one, since in known.items() if counts[one] < few}
        for one, since in known.items():
            if one in whole:
                continue
            after, room = self._after(org_id, one, since), events - len(told)
            next_ = await queries.select_told_of(raw, org_id, [one], after=after, limit=room)
            told += next_
            if len(next_) == room:
                last = next_[-1][1]
                return _Page(told, whole, (one, since, (last.occurred_at, last.event_id)))
            whole[one] = since
        return _Page(told, whole, None)

    def _after(self, org_id: UUID, client_id: str, since: datetime) -> Place:
        *client, place = self._places.get(org_id, ("", since, _FIRST))
        return place if client == [client_id, since] else _FIRST
