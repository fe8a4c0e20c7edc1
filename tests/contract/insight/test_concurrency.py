"""Generations at the same time by several processes: never two of one insight, no deadlock."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import grpc
import pytest

from footfall.insights.v1 import insight_requests_pb2 as pb
from tests.detecting import LAST_WEEK, WEEK_BEFORE, events, send
from tests.ingesting import Caller, refusal
from tests.insighting import Asker, Insight, running_insight
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase

ROUNDS = 5
USERS = [f"u{number}" for number in range(40)]


@pytest.fixture(scope="module")
def second(shared_database: MigratedDatabase) -> Iterator[Insight]:
    with running_insight(shared_database) as running:
        yield running


def behave(backend: Caller, number: int) -> None:
    """Some users stop and were stuck, which nobody had seen before."""
    for user in USERS[number::ROUNDS]:
        send(backend, events(20, WEEK_BEFORE, "page_view", user_id=user))
        stuck = events(6, LAST_WEEK, "feature_abandoned", user_id=user, feature="editor")
        send(backend, stuck)


def generate(asker: Asker, user: str = "") -> None:
    """A run, of everybody or of one; it keeps what it finds."""
    request = pb.GenerateInsightsRequest()
    if user:
        request.user_id = user
    answer = asker.call("GenerateInsights", request)
    assert answer.kept
    assert all(one.insight_id for one in answer.insights)


def decide(asker: Asker, chance: random.Random) -> None:
    """Resolve something that stands, unless somebody else is faster."""
    found = asker.call("ListInsights", pb.ListInsightsRequest(page_size=1000)).insights
    if not found:
        return
    one = chance.choice(found)
    try:
        asker.call("ResolveInsight", pb.ResolveInsightRequest(insight_id=one.insight_id))
    except grpc.RpcError as error:
        told = refusal(error)
        if told.code is not grpc.StatusCode.FAILED_PRECONDITION:
            raise AssertionError(told) from error


@pytest.mark.usefixtures("folding")
def test_generations_and_decisions_at_once_keep_one_insight_of_each(
    insight: Insight, second: Insight, acme: Organisation, backend: Caller
) -> None:
    askers = [process.asker(acme) for process in (insight, second) for _ in range(2)]
    chance = random.Random(11)
    with ThreadPoolExecutor(12) as pool:
        for number in range(ROUNDS):
            behave(backend, number)
            running = [
                pool.submit(generate, asker, user)
                for asker in askers
                for user in ("", chance.choice(USERS))
            ]
            running += [pool.submit(decide, asker, random.Random(number)) for asker in askers]
            for one in running:
                one.result()
    generate(askers[0])
    rows = acme.database.execute(
        "SELECT count(*), count(DISTINCT (insight_type, subject_kind, subject_id, feature)),"
        " count(DISTINCT insight_id), count(*) FILTER (WHERE cleared_at IS NOT NULL)"
        " FROM app.insights WHERE org_id = %s",
        acme.org_id,
    )
    # Three of each user, of the client and of the organisation, and of these the feature that is
    # given up: none was lost, none came twice.
    assert rows == [(3 * (len(USERS) + 2) + 2,) * 3 + (0,)]
    (kept,) = acme.database.execute(
        "SELECT count(*) FROM app.insight_runs WHERE org_id = %s", acme.org_id
    )
    assert kept == (2 * ROUNDS * len(askers) + 1,)


RUNS = 16
"""More than a process has connections."""


def test_runs_that_wait_for_each_other_leave_the_connections_to_others(
    insight: Insight, acme: Organisation, globex: Organisation
) -> None:
    asker, other = insight.asker(acme), insight.asker(globex)
    with ThreadPoolExecutor(RUNS) as pool, acme.database.connect() as running:
        # Another process generates, and takes its time.
        running.execute(
            "SELECT pg_advisory_lock(hashtextextended('insights:' || %s::text, 0))", (acme.org_id,)
        )
        waiting: list[Future[None]] = [pool.submit(generate, asker) for _ in range(RUNS)]
        until = time.monotonic() + 3.0  # longer than anyone waits for a connection
        while time.monotonic() < until:
            other.call("ListInsights", pb.ListInsightsRequest())
        assert not any(one.done() for one in waiting)
        running.execute("SELECT pg_advisory_unlock_all()")
        for one in waiting:
            one.result()
