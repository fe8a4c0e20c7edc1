"""Journey answers whatever becomes of insight: it says so, does not wait, and finds it again."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import orjson
import pytest

from footfall.journey.v1 import actions_pb2, journey_pb2
from tests.ingesting import free_port
from tests.insight_faking import GARBAGE, Answer, busily, fake_insight, slowly, truly
from tests.insighting import running_insight
from tests.journeying import Traveller, running_journey
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase
from tests.signalling import kept, make_known, sweep_again, sweeping, sweeps, until

LOW = journey_pb2.RISK_LOW_FEATURE_USAGE
CLIENTS = [f"client-{number:02}" for number in range(40)]
BEARS = 5
"""So many failures in a row."""
PAUSE_SECONDS = 2.0
A_WHILE_SECONDS = 15.0
"""Less than insight takes in these tests, and more than a busy machine does."""


@contextmanager
def asking(
    organisation: Organisation, address: str, log: Path, budget_ms: int = 200
) -> Iterator[Traveller]:
    """Someone who asks a journey that finds insight at that address."""
    settings = {
        "FOOTFALL_INSIGHT_ADDRESS": address,
        "FOOTFALL_JOURNEY_INSIGHT_BUDGET_MS": str(budget_ms),
        "FOOTFALL_LOG_LEVEL": "info",
    }
    with running_journey(organisation.database, log, **settings) as journey:
        traveller = journey.traveller(organisation)
        make_known(traveller, *CLIENTS)
        yield traveller


def next_best_action(traveller: Traveller, client_id: str) -> Any:
    """The answer, which came although insight was not waited for."""
    began = time.monotonic()
    request = actions_pb2.GetNextBestActionRequest(client_id=client_id)
    answer = traveller.call("GetNextBestAction", request, timeout=2 * A_WHILE_SECONDS)
    assert time.monotonic() - began < A_WHILE_SECONDS
    return answer


def without_signals(traveller: Traveller, *client_ids: str) -> None:
    """Ask about each; the answer says that it does without."""
    for client_id in client_ids:
        answer = next_best_action(traveller, client_id)
        assert not answer.signals_available
        assert not answer.HasField("signals_age_seconds")
        assert LOW not in [one.risk for one in answer.risks]


def said(log: Path, beginning: str) -> int:
    """How often a line of the log begins so; gRPC's own library writes lines of another form."""
    whole = [line for line in log.read_bytes().splitlines(keepends=True) if line.endswith(b"}\n")]
    ours = [orjson.loads(line)["message"] for line in whole if line.startswith(b"{")]
    return sum(str(message).startswith(beginning) for message in ours)


def said_once(log: Path, beginning: str) -> None:
    """Wait until a line of the log begins so; no other does."""
    until(lambda: said(log, beginning))
    assert said(log, beginning) == 1


def fair(began: float) -> float:
    """So many calls insight may see from one failure to the next: those borne, and probes.

    Some more may begin before the last of them is known to have failed.
    """
    return 2 * BEARS + (time.monotonic() - began) / PAUSE_SECONDS + 1


def recovered(traveller: Traveller, log: Path) -> None:
    """Insight answers again: journey finds out by itself, and says it once."""
    until(lambda: next_best_action(traveller, CLIENTS[0]).signals_available)
    for client_id in CLIENTS:
        assert next_best_action(traveller, client_id).signals_available
    said_once(log, "insight answers again")
    said_once(log, "insight fails")


def test_nothing_listens(organisation: Organisation, tmp_path: Path) -> None:
    log, port = tmp_path / "log", free_port()
    with asking(organisation, f"127.0.0.1:{port}", log, budget_ms=5000) as traveller:
        without_signals(traveller, *CLIENTS)
        said_once(log, "insight fails")
        with fake_insight(port):
            recovered(traveller, log)


def test_it_answers_too_late_and_is_not_waited_for_again(
    organisation: Organisation, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with (
        fake_insight(answer=slowly) as insight,
        asking(organisation, insight.address, log) as traveller,
    ):
        began = time.monotonic()
        without_signals(traveller, *CLIENTS, *CLIENTS)
        assert len(insight.asked) <= fair(began)
        said_once(log, "insight fails")


@pytest.mark.parametrize("answer", [*GARBAGE, busily])
def test_it_answers_garbage(organisation: Organisation, tmp_path: Path, answer: Answer) -> None:
    log = tmp_path / "log"
    with (
        fake_insight(answer=answer) as insight,
        asking(organisation, insight.address, log, budget_ms=5000) as traveller,
    ):
        began = time.monotonic()
        without_signals(traveller, *CLIENTS)
        assert BEARS <= len(insight.asked) <= fair(began)
        said_once(log, "insight fails")
        insight.answer = truly
        recovered(traveller, log)
        answer_now = next_best_action(traveller, CLIENTS[0])
        assert LOW in [one.risk for one in answer_now.risks]


def test_the_real_one_stands_still(organisation: Organisation, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        running_insight(organisation.database) as insight,
        asking(organisation, insight.address, log, budget_ms=1000) as traveller,
    ):
        until(lambda: next_best_action(traveller, CLIENTS[0]).signals_available)
        insight.process.send_signal(signal.SIGSTOP)
        without_signals(traveller, *CLIENTS[1 : 2 * BEARS])
        insight.process.send_signal(signal.SIGCONT)
        until(lambda: next_best_action(traveller, CLIENTS[1]).signals_available)


def test_a_sweep_waits_for_insight_and_is_made_when_it_is_back(
    organisation: Organisation, tmp_path: Path
) -> None:
    log, port = tmp_path / "log", free_port()
    with (
        asking(organisation, f"127.0.0.1:{port}", tmp_path / "journey"),
        sweeping(organisation.database, f"127.0.0.1:{port}", log),
    ):
        until(lambda: sweeps(organisation)[2] >= 2)
        assert kept(organisation) == {}
        said_once(log, "insight fails")
        with fake_insight(port):
            until(lambda: kept(organisation).keys() == set(CLIENTS))
            until(lambda: sweeps(organisation) == (True, len(CLIENTS), 0))
        assert set(kept(organisation).values()) == {(1, 10.0)}
        said_once(log, "insight answers again")


def test_a_sweep_bears_that_it_may_not_ask_so_often(
    organisation: Organisation, database: MigratedDatabase, tmp_path: Path
) -> None:
    """A limit of the organisation counts the worker's calls too."""
    log, refused = tmp_path / "log", list[str]()
    with (
        fake_insight() as insight,
        asking(organisation, insight.address, tmp_path / "journey"),
        sweeping(database, insight.address, log),
    ):

        def refuse(client_id: str, context: grpc.ServicerContext) -> bytes:
            refused.append(client_id)
            if len(refused) >= 3:
                insight.answer = truly
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "")
            raise AssertionError

        until(lambda: sweeps(organisation) == (True, len(CLIENTS), 0))
        insight.answer = refuse
        sweep_again(organisation)
        until(lambda: sweeps(organisation) == (True, len(CLIENTS), 0))
        assert len(refused) >= 3
        assert said(log, "insight fails") == 0


def test_a_sweep_keeps_no_garbage(
    organisation: Organisation, database: MigratedDatabase, tmp_path: Path
) -> None:
    with (
        fake_insight(answer=GARBAGE[0]) as insight,
        asking(organisation, insight.address, tmp_path / "journey"),
        sweeping(database, insight.address),
    ):
        until(lambda: sweeps(organisation)[2] >= 2)
        assert kept(organisation) == {}
        insight.answer = truly
        until(lambda: kept(organisation).keys() == set(CLIENTS))
