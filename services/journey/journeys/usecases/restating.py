"""Where clients stand, derived anew: the one place that writes it.

Each of these is called at most once in a transaction: those who watch are told by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from services.journey.journeys import queries
from services.journey.journeys.rules.progress import Kept, Progress, onwards, state_of
from services.journey.journeys.rules.settings import JourneySettings
from services.journey.journeys.rules.vocabulary import Micros
from shared.database import RawConnection


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
    known = await queries.lock_states(raw, org_id, client_ids)
    kept = await queries.select_kept(raw, org_id, known, now)
    progress = await _catch_up(raw, org_id, kept, now)
    return await settle(raw, org_id, kept, progress=progress, now=now, settings=settings)


async def settle(
    raw: RawConnection,
    org_id: UUID,
    kept: Mapping[str, Kept],
    *,
    progress: Mapping[str, Progress],
    now: Micros,
    settings: JourneySettings,
) -> int:
    """Write where clients stand whose states are locked, with what progress they made."""
    if not kept:
        return 0
    standings = {
        client_id: progress[client_id].of(one.standing) if client_id in progress else one.standing
        for client_id, one in kept.items()
    }
    states = {
        client_id: state_of(standing, settings, kept[client_id].now(now))
        for client_id, standing in standings.items()
    }
    await _write_visits(raw, org_id, progress)
    await queries.update_states(raw, org_id, states, progress, settings.version)
    changed = [one for one, state in states.items() if state.shown != kept[one].shown]
    if changed:
        await queries.insert_change(raw, org_id, changed)
    return len(changed)


async def _catch_up(
    raw: RawConnection, org_id: UUID, kept: Mapping[str, Kept], now: Micros
) -> dict[str, Progress]:
    """The progress of clients for which the time of an event has come."""
    due = {client_id: one for client_id, one in kept.items() if one.due(now)}
    if not due:
        return {}
    after = {client_id: one.standing.facts.last_key for client_id, one in due.items()}
    events = await queries.select_events_after(raw, org_id, after)
    return {
        client_id: onwards(one.standing, events.get(client_id, ()), one.now(now))
        for client_id, one in due.items()
    }


async def _write_visits(raw: RawConnection, org_id: UUID, progress: Mapping[str, Progress]) -> None:
    replaced = [client_id for client_id, one in progress.items() if one.anew]
    if replaced:
        await queries.delete_visits(raw, org_id, replaced)
    ended = {
        client_id: one.visits[0]
        for client_id, one in progress.items()
        if one.visits and not one.anew
    }
    if ended:
        await queries.end_visits(raw, org_id, ended)
    made = [(client_id, visit) for client_id, one in progress.items() for visit in one.visits]
    if made:
        await queries.insert_visits(raw, org_id, made)
