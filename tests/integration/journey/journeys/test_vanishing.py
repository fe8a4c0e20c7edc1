"""Events whose ids go while others with the same ids come."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from unittest.mock import patch
from uuid import UUID

import pytest

from services.journey.journeys import queries, wire
from services.journey.journeys.rules.events import Verdict
from services.journey.journeys.rules.moments import to_micros
from services.journey.journeys.usecases import track_journey_events
from shared.database import Database, RawConnection
from shared.errors import Overloaded
from shared.identity.identity import Identity, Role
from tests.journeying import Traveller
from tests.organisations import Organisation
from tests.tracking import delete, journey_of, told, verdicts
from tests.travels import LEAD, happening, make


async def test_an_id_that_is_deleted_between_two_looks_is_free_again(
    caller: Traveller, worker: Database, organisation: Organisation
) -> None:
    """With its client, of which nobody who tracks another one knows."""
    make(caller, "nils", "other")
    first, kept = (happening("other", "moved", 1, LEAD) for _ in range(2))
    second = happening("nils", "moved", 2, LEAD)
    second.event_id = first.event_id
    assert verdicts(caller, first) == ["ACCEPTED"]
    kept.client_id = "nils"
    assert verdicts(caller, kept) == ["ACCEPTED"]
    select = queries.select_hashes
    looks: list[dict[UUID, bytes]] = []

    async def select_late(
        raw: RawConnection, org_id: UUID, event_ids: Iterable[UUID]
    ) -> dict[UUID, bytes]:
        if not looks:
            await asyncio.to_thread(delete, caller, "other")
        looks.append(found := await select(raw, org_id, event_ids))
        return found

    arrivals, now = wire.from_batch([second, kept], to_micros(datetime.now(UTC)))
    with patch.object(queries, "select_hashes", select_late):
        results = await track_journey_events(worker, backend(organisation), arrivals, now)
    assert [one.verdict for one in results] == [Verdict.ACCEPTED, Verdict.DUPLICATE]
    assert told(journey_of(caller)) == [second.event_id, kept.event_id]
    assert looks == [{UUID(kept.event_id): arrivals[1].event.content_hash}]  # type: ignore[union-attr]


async def test_nobody_tries_for_ever(
    caller: Traveller, worker: Database, organisation: Organisation
) -> None:
    make(caller, "nils")
    sent = happening("nils", "moved", 1, LEAD)
    assert verdicts(caller, sent) == ["ACCEPTED"]

    async def select_nothing(*_: object) -> dict[UUID, bytes]:
        return {}

    arrivals, now = wire.from_batch([sent], to_micros(datetime.now(UTC)))
    with patch.object(queries, "select_hashes", select_nothing), pytest.raises(Overloaded):
        await track_journey_events(worker, backend(organisation), arrivals, now)
    assert told(journey_of(caller)) == [sent.event_id]


def backend(organisation: Organisation) -> Identity:
    return Identity(organisation.org_id, "backend", Role.SERVICE)
