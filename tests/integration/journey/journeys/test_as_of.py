"""What was said then is what is said of then, where nothing late arrived since."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from typing import Any

from services.journey.catalogue.usecases import read_settings
from services.journey.journeys.rules.journey import Journey, Standpoint, Where
from services.journey.journeys.rules.moments import to_micros
from services.journey.journeys.rules.vocabulary import DAY, Micros
from services.journey.journeys.usecases import get_client_journey, read_standpoint, restate
from services.journey.journeys.usecases.reading import read_standpoint_as_of
from shared.database import Database, Tenant
from shared.identity.identity import Identity, Role
from tests.cataloguing import update
from tests.journeying import Journey as RunningJourney
from tests.journeying import Traveller
from tests.organisations import Organisation
from tests.tracking import upsert
from tests.travels import ONBOARDING, happening, make, track

KINDS: list[tuple[str, dict[str, Any]]] = [
    ("moved", {}),
    ("call", {"sentiment": "negative"}),
    ("invoice_overdue", {"invoice_id": "i1"}),
    ("invoice_paid", {"invoice_id": "i1"}),
    ("support_ticket_opened", {}),
    ("milestone_reached", {}),
]


async def test_then_and_of_then(
    journey: RunningJourney, caller: Traveller, worker: Database, organisation: Organisation
) -> None:
    chance, owner = random.Random(3), journey.traveller(organisation, "olga")
    make(caller, "nils")
    track(caller, happening("nils", "moved", 40, ONBOARDING))
    said: list[Journey] = []
    for step in range(12):
        kind, told = chance.choice(KINDS)
        track(caller, happening("nils", kind, 0, chance.randint(1, 9), **told))
        if step % 3 == 0:
            upsert(caller, "nils", ai_score=chance.choice([0, 30, 100]))
        if step % 4 == 0:
            weight = chance.randint(0, 50)
            update(owner, stages=[{"stage": chance.randint(1, 9), "weight": weight, "actions": []}])
        said.append(await look(worker, organisation, to_micros(datetime.now(UTC))))
    assert len({one.standpoint.score.score for one in said}) > 3
    async with worker.raw_transaction(organisation.tenant()) as raw:
        for one in said:
            then, been = await read_standpoint_as_of(
                raw, organisation.org_id, "nils", one.standpoint.as_of
            )
            assert told_of(then) == told_of(one.standpoint)
            assert been == one.visits
    for one in said:
        now = one.standpoint.as_of
        again = await look(worker, organisation, now + 1, as_of=now)
        assert (again.visits, again.times) == (one.visits, one.times)
        assert (again.events, again.unusual) == (one.events, one.unusual)
    assert any(one.unusual for one in said)


async def test_time_passes_without_a_word(
    caller: Traveller, worker: Database, organisation: Organisation
) -> None:
    """What is read later, what is written later, and what is read of then agree."""
    make(caller, "nils")
    track(
        caller,
        *(happening("nils", "called", ago, ONBOARDING) for ago in (20, 9, 3)),
        happening("nils", "moved", -0.5, 4),
        *(happening("nils", "support_ticket_opened", ago) for ago in (-0.9, 1, 2)),
    )
    org_id, now = organisation.org_id, to_micros(datetime.now(UTC))
    for days in (0.4, 0.6, 12, 40, 90):
        later = now + round(days * DAY)
        read = await look(worker, organisation, later)
        async with worker.raw_transaction(organisation.tenant()) as raw:
            of_then, been = await read_standpoint_as_of(raw, org_id, "nils", later)
            await restate(raw, org_id, ["nils"], later, await read_settings(raw, org_id))
            written = await read_standpoint(raw, org_id, "nils", later)
        assert told_of(read.standpoint) == told_of(of_then) == told_of(written)
        assert read.visits == been == (await look(worker, organisation, later)).visits


async def test_who_reads_while_others_write_sees_one_journey(
    journey: RunningJourney, caller: Traveller, worker: Database, organisation: Organisation
) -> None:
    """Its stage is that of its last visit, its count that of its events."""
    make(caller, "nils")
    track(caller, happening("nils", "moved", 50, ONBOARDING))
    writing = asyncio.create_task(asyncio.to_thread(move_about, journey.traveller(organisation)))
    looks = 0
    while not writing.done():
        here = await look(worker, organisation, to_micros(datetime.now(UTC)), size=1_000)
        assert here.standpoint.standing.stage is here.visits[-1].stage
        assert here.standpoint.standing.stage_since == here.visits[-1].entered_at
        assert here.standpoint.standing.facts.events == len(here.events)
        looks += 1
    await writing
    assert looks > 1


def move_about(caller: Traveller) -> None:
    chance = random.Random(5)
    for _ in range(40):
        moves = [(chance.uniform(0.1, 40), chance.randint(1, 9)) for _ in range(5)]
        track(caller, *(happening("nils", "moved", *one) for one in moves))


def told_of(here: Standpoint) -> object:
    """All that a standpoint says."""
    standing = here.standing
    return here.score, standing.facts, standing.stage, standing.stage_since, here.settings.version


async def look(
    database: Database,
    organisation: Organisation,
    now: Micros,
    size: int = 50,
    as_of: Micros | None = None,
) -> Journey:
    """The journey of nils, by default as of now."""
    tenant: Tenant = organisation.tenant()
    caller = Identity(tenant.org_id, tenant.user_id, Role(tenant.role))
    where = Where("nils", now, as_of, (0, "00000000-0000-0000-0000-000000000000"))
    return await get_client_journey(database, caller, where, size=size)
