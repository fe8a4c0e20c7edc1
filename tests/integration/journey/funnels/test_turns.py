"""Many predictions at once: an organisation's wait for each other, for they are long work."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from services.journey.funnels import usecases
from services.journey.funnels.rules.prediction import StageQuestion, predict
from services.journey.journeys.rules.moments import to_micros
from services.journey.journeys.rules.vocabulary import Stage
from shared.database import Database
from shared.identity.identity import Identity, Role
from tests.journeying import Traveller
from tests.organisations import Organisation
from tests.travels import make

ASKING = 4
PATIENCE = 0.1
"""Seconds for another to come along; none may."""


async def test_of_one_organisation_one_is_foretold_at_a_time(
    caller: Traveller, worker: Database, organisation: Organisation
) -> None:
    make(caller, "one")
    question = StageQuestion("one", 30, to_micros(datetime.now(UTC)), None)
    backend = Identity(organisation.org_id, "backend", Role.SERVICE)
    meeting, met = threading.Barrier(2), 0

    def watched(*arguments: Any) -> Any:
        nonlocal met
        try:
            meeting.wait(PATIENCE)
            met += 1
        except threading.BrokenBarrierError:
            meeting.reset()
        return predict(*arguments)

    with patch.object(usecases, "predict", watched):
        asked = [usecases.predict_stage(worker, backend, question) for _ in range(ASKING)]
        found = await asyncio.gather(*asked)
    assert met == 0
    assert [one.stage for one in found] == [Stage.LEAD] * ASKING
