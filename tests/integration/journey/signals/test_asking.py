"""The call for one client: shared, remembered, bounded, and nobody's in particular."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import grpc
import pytest
from prometheus_client import CollectorRegistry

from services.journey.parts import Insight, Parts
from services.journey.signals.usecases import Signalling
from shared.clock import SystemClock
from shared.data_dir import DataDir
from shared.identity.identity import Identity, Role
from shared.identity.internal import make_internal_key
from shared.rpc.call import Call, current_call
from shared.settings import CommandLineSettings, Settings
from tests.insight_faking import GARBAGE, Answer, FakeInsight, busily, fake_insight, slowly, truly
from tests.insight_working import until

BUDGET_SECONDS = 10.0
SOMEBODY = Identity(uuid4(), "backend", Role.SERVICE)


@pytest.fixture
def insight() -> Any:
    with fake_insight() as fake:
        yield fake


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def signalling(
    insight: FakeInsight, tmp_path: Path, registry: CollectorRegistry
) -> AsyncIterator[Signalling]:
    async with asking(insight, tmp_path, BUDGET_SECONDS, registry) as one:
        yield one


@asynccontextmanager
async def asking(
    insight: FakeInsight, tmp_path: Path, seconds: float, registry: CollectorRegistry
) -> AsyncIterator[Signalling]:
    data_dir = DataDir.at(tmp_path).prepare()
    make_internal_key(data_dir)
    settings = Settings(command_line=CommandLineSettings(insight_address=insight.address))
    channels = Insight(settings, data_dir, SystemClock())
    unused = cast("Any", None)
    yield Signalling(Parts(unused, unused, unused, channels, seconds, registry))
    await channels.close()


async def ask(signalling: Signalling, client_id: str = "one") -> Any:
    return await signalling.ask(SOMEBODY, client_id, datetime.now(UTC))


class Held:
    """An answer that comes when it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.remaining: list[float] = []

    def __call__(self, client_id: str, context: grpc.ServicerContext) -> bytes:
        self.remaining.append(context.time_remaining())
        self.go.wait(BUDGET_SECONDS)
        return truly(client_id)


async def until_asked(insight: FakeInsight) -> None:
    await until(lambda: bool(insight.asked))


def caller_with(seconds: float) -> Call:
    """A call in hand whose caller waits so long."""
    nothing = cast("Any", None)
    call = Call(nothing, nothing, nothing, {}, nothing)
    call.deadline = time.monotonic() + seconds
    return call


async def test_who_asks_at_once_shares_one_call(
    signalling: Signalling, insight: FakeInsight
) -> None:
    insight.answer = held = Held()
    asked = [asyncio.create_task(ask(signalling)) for _ in range(20)]
    await until_asked(insight)
    held.go.set()
    answers = await asyncio.gather(*asked)
    assert insight.asked == ["one"]
    assert {(one.feature_uses, one.feature_uses_p25) for one in answers} == {(1, 10.0)}


async def test_an_answer_is_remembered_for_its_client_and_organisation(
    signalling: Signalling, insight: FakeInsight
) -> None:
    first = await ask(signalling)
    assert await ask(signalling) == first
    assert insight.asked == ["one"]
    await ask(signalling, "two")
    stranger = Identity(uuid4(), "backend", Role.SERVICE)
    await signalling.ask(stranger, "one", datetime.now(UTC))
    assert insight.asked == ["one", "two", "one"]


async def test_a_caller_with_little_time_takes_nothing_from_the_others(
    signalling: Signalling, insight: FakeInsight
) -> None:
    insight.answer = held = Held()
    token = current_call.set(caller_with(0.2))
    hurried = asyncio.create_task(ask(signalling))
    await asyncio.sleep(0)  # it begins the call
    current_call.reset(token)
    patient = asyncio.create_task(ask(signalling))
    assert await hurried is None
    await until_asked(insight)
    assert not patient.done()
    held.go.set()
    assert (await patient).feature_uses == 1
    assert insight.asked == ["one"]
    assert held.remaining[0] > 1  # of the budget, not of the one who began


async def test_a_caller_that_goes_away_takes_nothing_from_the_others(
    signalling: Signalling, insight: FakeInsight
) -> None:
    insight.answer = held = Held()
    leaving = asyncio.create_task(ask(signalling))
    await until_asked(insight)
    staying = asyncio.create_task(ask(signalling))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    held.go.set()
    assert (await staying).feature_uses == 1
    assert insight.asked == ["one"]


async def test_what_fails_is_not_tried_again(signalling: Signalling, insight: FakeInsight) -> None:
    insight.answer = busily
    assert await ask(signalling) is None
    assert insight.asked == ["one"]


async def test_nobody_waits_beyond_the_budget(
    insight: FakeInsight, tmp_path: Path, registry: CollectorRegistry
) -> None:
    insight.answer = slowly
    async with asking(insight, tmp_path, 0.05, registry) as signalling:
        began = time.monotonic()
        assert await ask(signalling) is None
        assert time.monotonic() - began < 10  # the answer takes thirty seconds


@pytest.mark.parametrize("answer", GARBAGE)
async def test_garbage_is_no_answer_and_opens_the_breaker(
    signalling: Signalling, insight: FakeInsight, registry: CollectorRegistry, answer: Answer
) -> None:
    insight.answer = answer
    assert registry.get_sample_value("footfall_journey_insight_away") == 0
    for number in range(5):
        assert await ask(signalling, f"client-{number}") is None
    began = time.monotonic()
    for number in range(200):
        assert await ask(signalling, f"client-{number}") is None
    probes = (time.monotonic() - began) / 2
    assert 5 <= len(insight.asked) <= 6 + probes
    assert registry.get_sample_value("footfall_journey_insight_away") == 1
    calls = "footfall_journey_insight_calls_total"
    failed = registry.get_sample_value(calls, {"outcome": "failed"})
    spared = registry.get_sample_value(calls, {"outcome": "spared"})
    assert (failed, spared) == (len(insight.asked), 205 - len(insight.asked))


async def test_a_refusal_says_nothing_of_other_clients(
    signalling: Signalling, insight: FakeInsight
) -> None:
    def refuse(_: str, context: grpc.ServicerContext) -> bytes:
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "")
        raise AssertionError

    insight.answer = refuse
    for number in range(30):
        assert await ask(signalling, f"client-{number}") is None
    assert len(insight.asked) == 30
    insight.answer = truly
    assert (await ask(signalling)).feature_uses == 1


async def test_nonsense_about_one_organisation_takes_nothing_from_the_others(
    signalling: Signalling, insight: FakeInsight
) -> None:
    insight.answer = GARBAGE[0]
    began = time.monotonic()
    for number in range(6):
        assert await ask(signalling, f"client-{number}") is None
    assert len(insight.asked) == 5 or time.monotonic() - began > 2  # then one tries
    insight.answer = truly
    stranger = Identity(uuid4(), "backend", Role.SERVICE)
    answer = await signalling.ask(stranger, "one", datetime.now(UTC))
    assert answer is not None


async def test_that_insight_is_not_there_counts_for_all(
    signalling: Signalling, insight: FakeInsight
) -> None:
    insight.answer = busily
    began = time.monotonic()
    for _ in range(6):
        stranger = Identity(uuid4(), "backend", Role.SERVICE)
        assert await signalling.ask(stranger, "one", datetime.now(UTC)) is None
    assert len(insight.asked) == 5 or time.monotonic() - began > 2  # then one tries
