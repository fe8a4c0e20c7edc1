"""Reading journeys: nothing is written here."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from services.journey.catalogue.usecases import read_settings, read_settings_as_of
from services.journey.journeys import queries
from services.journey.journeys.errors import ClientNotFound, ClientUnknownThen
from services.journey.journeys.rules.facts import derive
from services.journey.journeys.rules.journey import Journey, Standpoint, Where
from services.journey.journeys.rules.moments import from_micros
from services.journey.journeys.rules.progress import Progress
from services.journey.journeys.rules.visits import Visit, continued, visits
from services.journey.journeys.rules.vocabulary import Micros
from services.journey.journeys.usecases.restating import catch_up, settle
from shared.database import Database, RawConnection
from shared.identity.identity import Identity


async def read_standpoint(
    raw: RawConnection, org_id: UUID, client_id: str, now: Micros
) -> Standpoint:
    """Where a client stands now, in a transaction of the organisation. Raises ClientNotFound."""
    return (await _here(raw, org_id, client_id, now))[0]


async def read_standpoint_as_of(
    raw: RawConnection, org_id: UUID, client_id: str, as_of: Micros
) -> tuple[Standpoint, list[Visit]]:
    """Where a client stood then, and its visits until then.

    Raises ClientNotFound, ClientUnknownThen.
    """
    standing = await queries.select_past(raw, org_id, client_id, as_of)
    if standing is None:
        raise ClientNotFound(resource="client")
    events = await queries.select_events_until(raw, org_id, client_id, as_of)
    if as_of < standing.created_at and not events:
        raise ClientUnknownThen(resource="client")
    facts = derive(events)
    if standing.created_at > as_of and facts.first_at is not None:
        standing = replace(standing, created_at=facts.first_at)
    settings = await read_settings_as_of(raw, org_id, from_micros(as_of))
    return Standpoint(client_id, replace(standing, facts=facts), settings, as_of), visits(events)


async def get_client_journey(
    database: Database, caller: Identity, where: Where, *, size: int
) -> Journey:
    """A journey as of a time. Raises ClientNotFound, ClientUnknownThen."""
    org_id, client_id = caller.org_id, where.client_id
    async with database.snapshot(caller.tenant) as raw:
        if where.as_of is None:
            here, progress = await _here(raw, org_id, client_id, where.now)
            been = await queries.select_visits(raw, org_id, client_id)
            been = continued(been, progress.visits) if progress else been
        else:
            here, been = await read_standpoint_as_of(raw, org_id, client_id, where.as_of)
        events = await queries.select_stored(
            raw, org_id, client_id, until=here.as_of, after=where.after, limit=size + 1
        )
    return Journey(here, been, events[:size], len(events) > size)


async def calculate_journey_score(
    database: Database, caller: Identity, client_id: str, now: Micros
) -> Standpoint:
    """Derive the score anew, and keep it. Raises ClientNotFound."""
    org_id = caller.org_id
    async with (
        database.in_line(org_id, [client_id]),
        database.raw_transaction(caller.tenant) as raw,
    ):
        if not await queries.lock_states(raw, org_id, [client_id]):
            raise ClientNotFound(resource="client")
        settings = await read_settings(raw, org_id)
        kept = await queries.select_kept(raw, org_id, [client_id], now)
        progress = await catch_up(raw, org_id, kept, now)
        after = await settle(raw, org_id, kept, progress=progress, now=now, settings=settings)
    return after[client_id]


async def _here(
    raw: RawConnection, org_id: UUID, client_id: str, now: Micros
) -> tuple[Standpoint, Progress | None]:
    """Where a client stands now, and its progress since that was written, if there is any."""
    kept = await queries.select_kept(raw, org_id, [client_id], now)
    if client_id not in kept:
        raise ClientNotFound(resource="client")
    one, settings = kept[client_id], await read_settings(raw, org_id)
    progress = (await catch_up(raw, org_id, kept, now)).get(client_id)
    standing = one.standing if progress is None else progress.of(one.standing)
    return Standpoint(client_id, standing, settings, one.now(now)), progress
