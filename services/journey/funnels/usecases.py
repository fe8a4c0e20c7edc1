"""Counting how clients move, and foretelling how one will."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from services.journey.funnels import queries
from services.journey.funnels.rules.asked import FunnelQuestion, StageQuestion, asked
from services.journey.funnels.rules.funnel import Funnel, funnel, span
from services.journey.funnels.rules.prediction import Foretold, predict
from services.journey.journeys.errors import ClientNotFound
from services.journey.journeys.rules.vocabulary import DAY
from shared.database import Database
from shared.identity.identity import Identity

_MICROSECOND = timedelta(microseconds=1)


async def get_stage_funnel(
    database: Database, caller: Identity, question: FunnelQuestion
) -> Funnel:
    """How many go on from each stage. Raises InvalidField."""
    when = asked(question.as_of, datetime.now(UTC))
    within = span(question.start, question.end, when.as_of)
    async with database.turn(caller.org_id), database.raw_transaction(caller.tenant) as raw:
        steps, ended = await queries.select_funnel(
            raw, caller.org_id, when, within, question.segment
        )
    return funnel(steps, ended, within, when.as_of)


async def predict_stage(database: Database, caller: Identity, question: StageQuestion) -> Foretold:
    """Where the client goes next. Raises InvalidField and ClientNotFound."""
    when = asked(question.as_of, datetime.now(UTC))
    async with database.raw_transaction(caller.tenant) as raw:
        client = await queries.select_whereabouts(
            raw, caller.org_id, question.client_id, when.as_of
        )
        if client is None or when.as_of < client.known_since:
            raise ClientNotFound(resource="client")
        history = await queries.select_past_visits(
            raw, caller.org_id, client.stage, when.as_of, but=client.visit_id
        )
    elapsed = max(timedelta(), when.as_of - client.since) // _MICROSECOND
    # In a thread, which lets go every few milliseconds: other calls are served meanwhile.
    prediction = await asyncio.to_thread(
        predict, client.stage, elapsed, history, question.horizon_days * DAY
    )
    return Foretold(client.stage, client.since, prediction, when.as_of)
