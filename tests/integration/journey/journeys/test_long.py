"""A client with thousands of events: who asks about it holds up nobody else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from services.journey.journeys import wire
from services.journey.journeys.queries import events as queries
from services.journey.journeys.queries import visits as visits_queries
from services.journey.journeys.rules.journey import VISITS_SHOWN
from services.journey.journeys.rules.moments import to_micros
from services.journey.journeys.usecases import reading, restating, track_journey_events, tracking
from shared.database import Database
from shared.identity.identity import Identity, Role
from tests.integration.journey.journeys.test_as_of import look
from tests.journeying import Traveller
from tests.organisations import Organisation
from tests.travels import ONBOARDING, happening, make, track

EVENTS = 3_000

# Every minute, to and fro between two stages, the last of them yesterday.
_MANY_EVENTS = """
INSERT INTO app.journey_events (org_id, event_id, client_id, occurred_at, stage, event_type,
  metadata, received_at, source, content_hash)
SELECT %s, gen_random_uuid(), 'nils', now() - interval '1 day' - n * interval '1 minute',
  1 + 2 * (n %% 2), 'moved', '{"note": "x"}', now(), 1, ''
FROM generate_series(1, %s) AS n
"""

PURE: list[tuple[Any, str]] = [
    (queries, "_happenings"),
    (queries, "_by_client"),
    (visits_queries, "_packed"),
    (reading, "back_then"),
    (reading, "visits"),
    (reading, "time_in_stages"),
    (tracking, "anew"),
    (restating, "onwards"),
]


class Watched:
    """Notes which work on how many things was done on the loop, and which beside it."""

    def __init__(self) -> None:
        self.on_loop: dict[str, int] = {}
        self.beside: set[str] = set()

    def watching(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any) -> Any:
            size = max(len(one) for one in arguments if isinstance(one, list | tuple))
            if threading.current_thread() is not threading.main_thread():
                self.beside.add(name)
            else:
                self.on_loop[name] = max(size, self.on_loop.get(name, 0))
            return work(*arguments)

        return watched


async def test_long_work_is_done_beside_the_loop(
    caller: Traveller, worker: Database, organisation: Organisation
) -> None:
    make(caller, "nils")
    track(caller, happening("nils", "moved", 0.5, ONBOARDING))
    organisation.database.execute(_MANY_EVENTS, organisation.org_id, EVENTS)
    now, watched = to_micros(datetime.now(UTC)), Watched()
    backend = Identity(organisation.org_id, "backend", Role.SERVICE)
    with ExitStack() as stack:
        for place, name in PURE:
            work = watched.watching(name, getattr(place, name))
            stack.enter_context(patch.object(place, name, work))
        then = await look(worker, organisation, now, as_of=now - 3600 * 1_000_000)
        sent = [happening("nils", "called", days_ago, ONBOARDING) for days_ago in (3, 4)]
        arrivals, _ = wire.from_batch(sent, now)
        results = await track_journey_events(worker, backend, arrivals, now)
        here = await look(worker, organisation, now, size=1)
    assert all(one.error is None for one in results)
    assert then.standpoint.standing.facts.events == EVENTS + 1
    assert here.standpoint.standing.facts.events == EVENTS + 1 + len(sent)
    assert len(then.visits) == len(here.visits) == VISITS_SHOWN
    assert sum(one.visits for one in then.times) == EVENTS
    assert max(watched.on_loop.values()) <= 1_000, watched.on_loop
    assert {"_happenings", "_by_client", "back_then", "visits", "anew", "_packed"} <= watched.beside
