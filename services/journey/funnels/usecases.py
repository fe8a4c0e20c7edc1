"""Counting how clients move, and foretelling how one will."""

from __future__ import annotations

import asyncio
from uuid import UUID

from services.journey.funnels import queries
from services.journey.funnels.rules.funnel import Funnel, FunnelQuestion, funnel, span
from services.journey.funnels.rules.prediction import Foretold, PastVisit, StageQuestion, predict
from services.journey.journeys.rules.journey import Standpoint
from services.journey.journeys.rules.vocabulary import DAY
from services.journey.journeys.usecases import read_standpoint, read_standpoint_as_of
from shared.database import Database, RawConnection
from shared.identity.identity import Identity


async def get_stage_funnel(
    database: Database, caller: Identity, question: FunnelQuestion
) -> Funnel:
    """How many go on from each stage. Raises InvalidField."""
    within = span(question)
    async with database.turn(caller.org_id), database.raw_transaction(caller.tenant) as raw:
        steps, ended = await queries.select_funnel(raw, caller.org_id, question, within)
    return funnel(steps, ended, within, question.as_of)


async def predict_stage(database: Database, caller: Identity, question: StageQuestion) -> Foretold:
    """Where the client goes next. Raises ClientNotFound and ClientUnknownThen."""
    async with database.turn(caller.org_id):
        async with database.raw_transaction(caller.tenant) as raw:
            here, history = await _read_past(raw, caller.org_id, question)
        stage, since = here.standing.stage, here.standing.stage_since
        elapsed = max(0, here.as_of - since)
        # In a thread, which lets go every few milliseconds: other calls are served meanwhile. Of
        # several threads the loop would wait for each in turn, hence one for an organisation.
        prediction = await asyncio.to_thread(
            predict, stage, elapsed, history, question.horizon_days * DAY
        )
    return Foretold(stage, since, prediction, here.as_of)


async def _read_past(
    raw: RawConnection, org_id: UUID, question: StageQuestion
) -> tuple[Standpoint, list[PastVisit]]:
    """Where the client stands, and what others did who stood there."""
    client_id = question.client_id
    if question.past is None:
        here = await read_standpoint(raw, org_id, client_id, question.now)
    else:
        here, _ = await read_standpoint_as_of(raw, org_id, client_id, question.past)
    stage = here.standing.stage
    return here, await queries.select_past_visits(raw, org_id, stage, client_id, here.as_of)
