"""Where clients stand, derived anew: the one place that writes it.

Each of these is called at most once in a transaction: those who watch are told by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from services.journey.journeys import queries
from services.journey.journeys.rules.journey import Standpoint
from services.journey.journeys.rules.progress import Kept, Progress, onwards
from services.journey.journeys.rules.settings import JourneySettings
from services.journey.journeys.rules.visits import Visit, continued
from services.journey.journeys.rules.vocabulary import Micros
from shared.database import RawConnection
from shared.lengthy import worked_out


async def restate(
    raw: RawConnection,
    org_id: UUID,
    client_ids: Iterable[str],
    now: Micros,
    settings: JourneySettings,
) -> int:
    """Evaluate the rules for these clients as of now; how many of them changed.

    Clients that there are not are passed over. Those that changed are told to who watches.
    """
    held = await queries.lock_states(raw, org_id, client_ids)
    return await restate_held(raw, org_id, held, now, settings) if held else 0


async def restate_held(
    raw: RawConnection,
    org_id: UUID,
    client_ids: Iterable[str],
    now: Micros,
    settings: JourneySettings,
) -> int:
    """The same for clients whose states are locked already, at least one."""
    kept = await queries.select_kept(raw, org_id, client_ids, now)
    progress = await catch_up(raw, org_id, kept, now)
    after = await settle(raw, org_id, kept, progress=progress, now=now, settings=settings)
    return len(_changed(kept, after))


async def settle(
    raw: RawConnection,
    org_id: UUID,
    kept: Mapping[str, Kept],
    *,
    progress: Mapping[str, Progress],
    now: Micros,
    settings: JourneySettings,
) -> dict[str, Standpoint]:
    """Write where clients stand whose states are locked, with what progress they made."""
    after = {
        client_id: Standpoint(
            client_id,
            progress[client_id].of(one.standing) if client_id in progress else one.standing,
            settings,
            one.now(now),
        )
        for client_id, one in kept.items()
    }
    states = {client_id: one.state for client_id, one in after.items()}
    changed = _changed(kept, after)
    last = await _last_visits(raw, org_id, progress)
    async with raw.pipeline():  # one round trip
        await _write_visits(raw, org_id, progress, last)
        await queries.upsert_states(raw, org_id, states, progress, settings.version)
        if changed:
            await queries.insert_change(raw, org_id, changed)
    return after


async def catch_up(
    raw: RawConnection, org_id: UUID, kept: Mapping[str, Kept], now: Micros
) -> dict[str, Progress]:
    """The progress of clients for which the time of an event has come."""
    due = {client_id: one for client_id, one in kept.items() if one.due(now)}
    if not due:
        return {}
    after = {client_id: one.standing.facts.last_key for client_id, one in due.items()}
    events = await queries.select_events_after(raw, org_id, after)
    return {
        client_id: await worked_out(
            len(found := events.get(client_id, ())),
            onwards,
            one.standing,
            found,
            one.now(now),
        )
        for client_id, one in due.items()
    }


def _changed(kept: Mapping[str, Kept], after: Mapping[str, Standpoint]) -> list[str]:
    return [one for one, standpoint in after.items() if standpoint.state.shown != kept[one].shown]


async def _last_visits(
    raw: RawConnection, org_id: UUID, progress: Mapping[str, Progress]
) -> dict[str, Visit]:
    """The visits that end, by client."""
    moved = [one for one, made in progress.items() if made.visits and not made.anew]
    return await queries.select_last_visits(raw, org_id, moved) if moved else {}


async def _write_visits(
    raw: RawConnection, org_id: UUID, progress: Mapping[str, Progress], last: Mapping[str, Visit]
) -> None:
    replaced = [client_id for client_id, one in progress.items() if one.anew]
    if replaced:
        await queries.delete_visits(raw, org_id, replaced)
    made = [
        (client_id, visit)
        for client_id, one in progress.items()
        for visit in continued([last[client_id]] if client_id in last else [], one.visits)
    ]
    if made:
        await queries.upsert_visits(raw, org_id, made)
