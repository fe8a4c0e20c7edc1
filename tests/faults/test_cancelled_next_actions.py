"""Callers of GetNextBestAction who go away: nothing goes on for them, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from footfall.journey.v1 import actions_pb2 as pb
from footfall.journey.v1 import journey_service_pb2_grpc
from tests.advising import asked, engaged
from tests.journeying import Traveller, running_journey
from tests.organisations import add_organisation
from tests.postgres import MigratedDatabase
from tests.travels import ONBOARDING

CALLS, AT_ONCE = 1000, 50
SLEEP_SECONDS, PATIENCE_SECONDS = 28, 20
"""A question takes longer than anybody here waits, and less than the service lets it take."""

_RUNNING = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
  AND application_name = 'journey' AND state <> 'idle'"""


def wait_until(there: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not there():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_answered(caller: Traveller) -> bool:
    """Connections that were in the middle of a question are made anew, which takes a moment."""
    try:
        return asked(caller).stage == ONBOARDING
    except grpc.RpcError:
        return False


def test_a_thousand_cancelled_calls_leave_no_query_running_and_the_pool_whole(
    database: MigratedDatabase,
) -> None:
    with running_journey(database) as journey:
        caller = journey.traveller(add_organisation(database))
        engaged(caller, ONBOARDING)
        database.execute(
            "CREATE POLICY slow ON app.clients AS RESTRICTIVE"
            f" USING ((SELECT true FROM pg_sleep({SLEEP_SECONDS})))"
        )
        ask = journey_service_pb2_grpc.JourneyServiceStub(caller.channel).GetNextBestAction
        request = pb.GetNextBestActionRequest(client_id="nils")

        def running() -> int:
            return int(database.execute(_RUNNING, login=None)[0][0])

        for _ in range(CALLS // AT_ONCE):
            calls = [
                ask.future(request, metadata=caller.metadata, timeout=60) for _ in range(AT_ONCE)
            ]
            wait_until(lambda: running() > 0)
            for call in calls:
                call.cancel()
            for call in calls:
                with pytest.raises(grpc.FutureCancelledError):
                    call.result()
        wait_until(lambda: running() == 0)

        database.execute("DROP POLICY slow ON app.clients")
        wait_until(lambda: is_answered(caller))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(lambda _: asked(caller), range(AT_ONCE)))
        assert all(one.stage == ONBOARDING for one in answers)
        in_use = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'journey'"
        assert database.execute(f"{in_use} AND datname = current_database()", login=None)[0][0] <= 8
