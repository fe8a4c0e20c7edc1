"""Decisions at the same time come to one; so do a decision and the end of the time for it."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from footfall.pricing.v1 import approval_pb2 as pb
from tests.approving import (
    ACTS,
    APPROVED,
    DECISIONS,
    ENDS,
    EXPIRED,
    PENDING,
    actions,
    ask,
    asked,
    decision,
    ending,
    entries,
    euros,
    expire,
    get,
    make_tier,
    new_id,
    revised,
    withdrawn,
)
from tests.bargaining import Pricing, Seller, running_pricing
from tests.changing import agree, rolled_back
from tests.effecting import work
from tests.guarding import identified
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase

AT_ONCE, ROUNDS, EXPIRIES = 200, 3, 25
PATIENCE = 60
TOO_LATE = "ABORTED STALE_ETAG"


@pytest.fixture(scope="module")
def second(shared_database: MigratedDatabase) -> Iterator[Pricing]:
    """Another process of the service: locks of one are not enough."""
    with running_pricing(shared_database) as running:
        yield running


@pytest.fixture(scope="module")
def crowd() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield pool


@pytest.fixture
def judges(pricing: Pricing, second: Pricing, acme: Organisation) -> list[Seller]:
    """Administrators who can decide, of either process, known to it."""
    processes = (pricing, second)
    found = [processes[n % 2].seller(acme, f"judge{n}", role="admin") for n in range(8)]
    for one in found:
        one.call("ListApprovals", pb.ListApprovalsRequest())
    return found


@pytest.fixture(autouse=True)
def _tier(ann: Seller) -> None:
    make_tier(ann)


def all_at_once(crowd: ThreadPoolExecutor, calls: Sequence[tuple[Seller, str, Any]]) -> list[str]:
    """How each ended."""
    return list(crowd.map(lambda one: ending(*one, timeout=PATIENCE), calls))


def changes_of(acme: Organisation, made: pb.Approval) -> int:
    """How many price changes came of a request."""
    [(count,)] = acme.database.execute(
        "SELECT count(*) FROM app.price_changes WHERE org_id = %s AND approval_id = %s",
        acme.org_id, UUID(made.approval_id),
    )  # fmt: skip
    return int(count)


@pytest.mark.parametrize("retried", ["without an id", "with an id"])
def test_of_two_hundred_decisions_at_once_one_counts(
    ann: Seller, judges: list[Seller], acme: Organisation, crowd: ThreadPoolExecutor,
    retried: str,
) -> None:  # fmt: skip
    chance = random.Random(200)
    for _ in range(ROUNDS):
        made = ask(ann)
        calls = []
        for number in range(AT_ONCE):
            method = chance.choice([*DECISIONS])
            request_id = new_id() if retried == "with an id" else ""
            request = decision(method, made, request_id=request_id)
            calls.append((judges[number % len(judges)], method, request))
        ended = all_at_once(crowd, calls)
        assert Counter(ended) == {"OK": 1, TOO_LATE: AT_ONCE - 1}
        method = calls[ended.index("OK")][1]
        after = get(ann, made)
        assert after.state == ENDS[method]
        assert len(after.verdicts) == 1
        assert actions(acme, made) == ["approval.request", ACTS[method]]
        assert changes_of(acme, made) == (after.state == APPROVED)


def test_one_decision_sent_two_hundred_times_is_one(
    ann: Seller, judges: list[Seller], acme: Organisation, crowd: ThreadPoolExecutor
) -> None:
    made = ask(ann)
    request = decision("ApprovePriceChange", made, request_id=new_id())
    judge, method = judges[0], "ApprovePriceChange"
    answers = list(
        crowd.map(lambda _: judge.call(method, request, timeout=PATIENCE), range(AT_ONCE))
    )
    assert all(answer == answers[0] for answer in answers)
    assert answers[0].approval.state == APPROVED
    assert actions(acme, made) == ["approval.request", "approval.approve"]
    assert changes_of(acme, made) == 1


def test_one_request_sent_many_times_is_one(
    ann: Seller, acme: Organisation, crowd: ThreadPoolExecutor
) -> None:
    request = asked(900, request_id=new_id())
    answers = list(crowd.map(lambda _: ann.call("RequestApproval", request), range(20)))
    assert len({answer.SerializeToString() for answer in answers}) == 1
    assert actions(acme, answers[0].approval) == ["approval.request"]
    assert len(entries(acme)) == 1


def test_deciding_revising_and_taking_back_at_once_end_in_one_state(
    ann: Seller, judges: list[Seller], acme: Organisation, crowd: ThreadPoolExecutor
) -> None:
    for number in range(10):
        made = ask(ann)
        method = [*DECISIONS][number % 3]
        ended = all_at_once(
            crowd,
            [
                (judges[0], method, decision(method, made)),
                (judges[1], "RejectPriceChange", decision("RejectPriceChange", made)),
                (ann, "ReviseApproval", revised(made)),
                (ann, "WithdrawApproval", withdrawn(made)),
            ],
        )
        assert ended.count("OK") == 1, ended
        assert len(actions(acme, made)) == 2
        after = get(ann, made)
        assert (after.state == APPROVED) == (changes_of(acme, made) == 1)
        assert (after.state == PENDING) == (after.revision == 2)


def test_a_decision_in_the_moment_of_its_expiry_comes_to_one_end(
    ann: Seller, judges: list[Seller], acme: Organisation, crowd: ThreadPoolExecutor
) -> None:
    chance, seen = random.Random(45), Counter[int]()
    for number in range(EXPIRIES):
        made = ask(ann)
        # Some are over by then, some have much time, and between are those that meet their end.
        _expires_in(acme, made, (0.0, 60.0, chance.uniform(0.0, 0.03))[min(number, 2)])
        pause = chance.uniform(0.0, 0.03)
        calls: list[Callable[[], object]] = [
            lambda made=made: ending(  # type: ignore[misc]
                judges[0], "ApprovePriceChange", decision("ApprovePriceChange", made)
            ),
            lambda made=made: ending(  # type: ignore[misc]
                judges[1], "RejectPriceChange", decision("RejectPriceChange", made)
            ),
            lambda pause=pause: _expire_until(acme, pause),  # type: ignore[misc]
        ]
        *ended, expired = crowd.map(lambda call: call(), calls)
        after = get(ann, made)
        seen[after.state] += 1
        assert set(ended) <= {"OK", TOO_LATE, "FAILED_PRECONDITION EXPIRED"}
        decided = ended.count("OK")
        by_decision = actions(acme, made).count("approval.expire")
        assert decided + int(str(expired)) + by_decision == 1, (ended, expired)
        assert (after.state == EXPIRED) == (decided == 0)
        assert changes_of(acme, made) == (after.state == APPROVED)
    assert EXPIRED in seen
    assert len(seen) > 1


def _wait_for_a_wait(acme: Organisation) -> None:
    """Until somebody stands before a lock; only the administrator sees that."""
    for _ in range(600):
        [(found,)] = acme.database.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock'", login=None,
        )  # fmt: skip
        if found:
            return
        time.sleep(0.05)
    raise AssertionError("nobody waits")


@pytest.mark.parametrize("method", ["RequestApproval", "RollBackPriceChange"])
def test_who_asks_while_the_price_moves_asks_about_the_new_one(
    ann: Seller, bob: Seller, acme: Organisation, crowd: ThreadPoolExecutor, method: str
) -> None:
    first = agree(ann, bob, 950)
    work(acme.database)
    request: Any = asked(700) if method == "RequestApproval" else rolled_back(first)
    second = agree(ann, bob, 900)
    with acme.database.connect() as mover, mover.transaction():
        identified(mover, acme.org_id, "service", "worker")
        applied = "SELECT app.price_apply(%s, %s)"
        moved = mover.execute(applied, (acme.org_id, second.price_change_id)).fetchone()
        assert moved == ("OK",)
        call = crowd.submit(ending, ann, method, request, timeout=PATIENCE)
        _wait_for_a_wait(acme)
    if method == "RollBackPriceChange":
        assert call.result() == "FAILED_PRECONDITION FAILED_PRECONDITION"  # no longer in force
        return
    assert call.result() == "OK"
    answer = ann.call("ListApprovals", pb.ListApprovalsRequest(states=[PENDING]))
    assert [one.current_price for one in answer.approvals] == [euros(900)]


def _expires_in(acme: Organisation, made: pb.Approval, seconds: float) -> None:
    acme.database.execute(
        "UPDATE app.approvals SET expires_at = clock_timestamp() + make_interval(secs => %s)"
        " WHERE org_id = %s AND approval_id = %s",
        seconds, acme.org_id, UUID(made.approval_id),
    )  # fmt: skip


def _expire_until(acme: Organisation, seconds: float) -> int:
    """As the worker does, after so long; how many were marked, with one look after all is over."""
    time.sleep(seconds)
    first = expire(acme)
    time.sleep(0.05)
    return first + expire(acme)
