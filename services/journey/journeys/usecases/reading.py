"""Reading journeys: nothing is written here."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.journey.catalogue.usecases import read_settings, read_settings_as_of
from services.journey.journeys import queries
from services.journey.journeys.errors import ClientNotFound, ClientUnknownThen
from services.journey.journeys.rules.journey import (
    VISITS_SHOWN,
    Journey,
    StageTime,
    Standpoint,
    Where,
    time_in_stages,
)
from services.journey.journeys.rules.moments import SKEW, from_micros
from services.journey.journeys.rules.progress import Progress, back_then
from services.journey.journeys.rules.visits import Visit, continued, visits
from services.journey.journeys.rules.vocabulary import Micros
from services.journey.journeys.usecases.restating import catch_up, settle
from shared.database import Database, RawConnection
from shared.identity.identity import Identity
from shared.lengthy import worked_out


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
    as_of = await read_known_as_of(raw, org_id, client_id, as_of)
    standing = await queries.select_past(raw, org_id, client_id, as_of)
    if standing is None:
        raise ClientNotFound(resource="client")
    events = await queries.select_events_until(raw, org_id, client_id, as_of)
    standing = await worked_out(len(events), back_then, standing, events, as_of)
    settings = await read_settings_as_of(raw, org_id, from_micros(as_of))
    been = await worked_out(len(events), visits, events)
    return Standpoint(client_id, standing, settings, as_of), been


async def read_known_as_of(
    raw: RawConnection, org_id: UUID, client_id: str, as_of: Micros
) -> Micros:
    """The moment to answer for: who asks of a client's very first minute is told of its creation.

    Clocks differ. Raises ClientNotFound, ClientUnknownThen.
    """
    begin = await queries.select_begin(raw, org_id, client_id, as_of)
    if begin is None:
        raise ClientNotFound(resource="client")
    created_at, moved = begin
    if moved or created_at <= as_of:
        return as_of
    if created_at - as_of > SKEW:
        raise ClientUnknownThen(resource="client")
    return created_at


async def get_client_journey(
    database: Database, caller: Identity, where: Where, *, size: int
) -> Journey:
    """A journey as of a time. Raises ClientNotFound, ClientUnknownThen."""
    org_id, client_id = caller.org_id, where.client_id
    async with database.snapshot(caller.tenant) as raw:
        if where.as_of is None:
            here, progress = await _here(raw, org_id, client_id, where.now)
            following = progress.visits if progress else ()
            been, times = await _been(raw, org_id, here, following)
        else:
            here, been = await read_standpoint_as_of(raw, org_id, client_id, where.as_of)
            times = await worked_out(len(been), time_in_stages, been, here.as_of)
        events = await queries.select_stored(
            raw, org_id, client_id, until=here.as_of, after=where.after, limit=size + 1
        )
        unusual = {one.event_id for one in been if one.unusual}
        if where.as_of is None:  # then visits that are not among the latest are not here
            unusual |= await queries.select_unusual_between(raw, org_id, client_id, events)
    return Journey(
        standpoint=here,
        visits=been[-VISITS_SHOWN:],
        times=times,
        events=events[:size],
        unusual=unusual & {one.happening.event_id for one in events},
        more=len(events) > size,
    )


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


async def _been(
    raw: RawConnection, org_id: UUID, here: Standpoint, following: Sequence[Visit]
) -> tuple[list[Visit], list[StageTime]]:
    """The latest visits, and the time in each stage; `following` are those not written yet."""
    latest = await queries.select_latest_visits(raw, org_id, here.client_id, VISITS_SHOWN)
    ended = await queries.select_times(raw, org_id, here.client_id)
    times = time_in_stages(continued(latest[-1:], following), here.as_of, ended)
    return continued(latest, following), times


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
