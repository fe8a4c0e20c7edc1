"""Messages reach their receivers, whatever these do and whoever dies.

Numbers are those of the hardening checklist. What one POST does is in
`integration/insight/webhooks/test_posting.py`; here are the messages of a database.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.insight.webhooks.rules.endpoints import FEED_CONCIERGE, FEED_TIER_MANAGER
from services.insight.webhooks.rules.verdicts import PAUSES_SECONDS, TRIES
from services.insight.webhooks.usecases.posting import Poster
from shared.clock import SystemClock
from shared.identity.administration import webhooks
from shared.identity.administration.desk import open_desk
from shared.schema import logins
from tests.delivering import ShiftedClock, delivering, listen, messages, publish, until
from tests.organisations import Organisation, add_organisation
from tests.postgres import MigratedDatabase
from tests.receiving import Received, Receiver, Reply, running_receiver, verified

PENDING, DELIVERED, DEAD = 1, 2, 3


def states(organisation: Organisation) -> list[int]:
    return [state for (state,) in messages(organisation)]


async def test_53_failures_keep_the_schedule_and_end_after_ten_tries(
    organisation: Organisation, caplog: pytest.LogCaptureFixture
) -> None:
    clock, registry = ShiftedClock(), CollectorRegistry()
    with running_receiver(lambda _: Reply(500)) as receiver:
        secret = await listen(organisation, receiver.url())
        [sent] = await publish(organisation)
        began = clock.now()
        async with delivering(organisation, clock=clock, registry=registry):
            for tries in range(1, TRIES + 1):
                await until(lambda: messages(organisation, "attempts") == [(tries,)])  # noqa: B023
                [(state, due, status)] = messages(
                    organisation, "state, next_attempt_at, last_status"
                )
                assert status == 500
                if tries < TRIES:
                    assert state == PENDING
                    pause = (due - clock.now()).total_seconds()
                    # It is counted from the try; what the test took to look may be missing.
                    assert 0.9 * PAUSES_SECONDS[tries - 1] - 60 < pause
                    assert pause < 1.1 * PAUSES_SECONDS[tries - 1]
                    clock.ahead = max(clock.ahead, due - datetime.now(UTC))
        received = receiver.received
    assert states(organisation) == [DEAD]
    assert clock.now() - began > timedelta(hours=72)
    assert len(received) == TRIES
    assert {one.message_id for one in received} == {sent}
    for one in received:
        assert verified(secret, one.headers, one.body, float(one.headers["webhook-timestamp"]))
    assert len({one.headers["webhook-timestamp"] for one in received}) == TRIES
    assert any(r.message == "webhook message given up" for r in caplog.records)
    assert registry.get_sample_value("footfall_webhook_messages_given_up_total") == 1


async def test_53_retry_after_is_honoured(organisation: Organisation) -> None:
    with running_receiver(lambda _: Reply(429, {"retry-after": "7200"})) as receiver:
        await listen(organisation, receiver.url())
        await publish(organisation)
        async with delivering(organisation):
            await until(lambda: messages(organisation, "attempts") == [(1,)])
        [(due,)] = messages(organisation, "next_attempt_at")
    assert timedelta(hours=1, minutes=55) < due - datetime.now(UTC) <= timedelta(hours=2)


async def test_53_gone_ends_the_endpoint_and_its_messages_and_nothing_else(
    organisation: Organisation, other_organisation: Organisation
) -> None:
    def answering(came: Received) -> Reply:
        return Reply(410 if came.path == "/gone" else 200)

    with running_receiver(answering) as receiver:
        await listen(organisation, receiver.url("/gone"))
        await listen(organisation, receiver.url("/there"), FEED_TIER_MANAGER)
        await listen(other_organisation, receiver.url("/there"))
        await publish(organisation, 40)
        await publish(organisation, 3, FEED_TIER_MANAGER)
        await publish(other_organisation, 3)
        async with delivering(organisation):
            await until(lambda: PENDING not in states(organisation) + states(other_organisation))
    assert states(other_organisation) == [DELIVERED] * 3
    fates = messages(organisation, "topic, state, last_error")
    assert {fate[:2] for fate in fates} == {(FEED_CONCIERGE, DEAD), (FEED_TIER_MANAGER, DELIVERED)}
    assert all("410" in error for topic, _, error in fates if topic == FEED_CONCIERGE)
    rows = organisation.database.execute(
        "SELECT org_id, topic, disabled_reason FROM app.webhook_endpoints WHERE disabled"
    )
    assert rows == [(organisation.org_id, FEED_CONCIERGE, "410 Gone: the receiver wants no more")]
    audited = organisation.database.execute(
        "SELECT org_id, actor, target FROM app.audit_entries WHERE action = 'webhook.disable'"
    )
    assert audited == [(organisation.org_id, "insight", FEED_CONCIERGE)]


async def test_an_endpoint_that_moved_meanwhile_outlives_the_end_of_the_old_one(
    organisation: Organisation,
) -> None:
    with running_receiver() as new:

        def answering(_: Received) -> Reply:
            organisation.database.execute("UPDATE app.webhook_endpoints SET url = %s", new.url())
            return Reply(410)

        with running_receiver(answering) as old:
            await listen(organisation, old.url())
            [sent] = await publish(organisation)
            async with delivering(organisation):
                await until(lambda: states(organisation) == [DELIVERED])
    assert [one.message_id for one in old.received + new.received] == [sent, sent]


async def test_52_a_redirect_to_loopback_is_a_failed_try(organisation: Organisation) -> None:
    with running_receiver() as inside:
        moved = Reply(302, {"location": inside.url("/latest/meta-data")})
        with running_receiver(lambda _: moved) as receiver:
            await listen(organisation, receiver.url())
            await publish(organisation)
            async with delivering(organisation):
                await until(lambda: messages(organisation, "attempts") == [(1,)])
    assert messages(organisation, "state, last_status") == [(PENDING, 302)]
    assert inside.received == []


async def test_52_a_name_that_comes_to_lead_inside_is_a_failed_try(
    organisation: Organisation,
) -> None:
    async def rebound(_: str, __: int) -> Sequence[str]:
        return ["127.0.0.1"]

    dialled: list[object] = []

    async def dial(*place: object, **_: object) -> Any:
        dialled.append(place)
        raise ConnectionRefusedError

    poster = Poster(resolve=rebound, dial=dial)
    await listen(organisation, "https://rebound.example/")
    await publish(organisation)
    async with delivering(organisation, poster):
        await until(lambda: messages(organisation, "attempts") == [(1,)])
    [(state, error)] = messages(organisation, "state, last_error")
    assert (state, error) == (PENDING, "SSRF_BLOCKED: rebound.example leads to 127.0.0.1")
    assert dialled == []


async def test_a_receiver_that_hangs_holds_up_nobody_else(database: MigratedDatabase) -> None:
    """One of many, with more messages than there is room for."""

    def answering(came: Received) -> Reply:
        return Reply(never=came.path == "/hangs")

    with running_receiver(answering) as receiver:
        everybody = [add_organisation(database, f"Organisation {one}") for one in range(40)]
        stuck, *others = everybody
        for one in everybody:
            await listen(one, receiver.url("/hangs" if one is stuck else "/hook"))
        await publish(stuck, 200)
        # Far more than the test takes: whoever waited for the one that hangs would not get through.
        async with delivering(stuck, Poster(allow_private=True, seconds=600.0)):
            await until(lambda: receiver.received)
            expected = {message for one in others for message in await publish(one)}
            await until(lambda: expected <= {one.message_id for one in receiver.received})
            await until(lambda: PENDING not in {s for one in others for s in states(one)})
            assert set(states(stuck)) == {PENDING}


async def test_the_backlog_of_one_organisation_does_not_delay_another(
    organisation: Organisation, other_organisation: Organisation
) -> None:
    def answering(came: Received) -> Reply:
        return Reply(seconds=0.2 if came.path == "/slow" else 0.0)

    with running_receiver(answering) as receiver:
        await listen(organisation, receiver.url("/slow"))
        await listen(other_organisation, receiver.url("/hook"))
        await publish(organisation, 1000)
        async with delivering(organisation):
            await until(lambda: receiver.received)
            await publish(other_organisation)
            await until(lambda: states(other_organisation) == [DELIVERED])
            assert PENDING in states(organisation)


async def test_a_rotation_fails_no_delivery(organisation: Organisation) -> None:
    with running_receiver() as receiver:
        old = await listen(organisation, receiver.url())
        new = "whsec_" + "A" * 44
        await publish(organisation, 20)
        async with delivering(organisation):
            await until(lambda: len(receiver.received) >= 5)
            url = organisation.database.urls[logins.OWNER]
            async with open_desk(url, SystemClock(), "operator:test") as desk:
                await webhooks.rotate(desk, organisation.org_id, FEED_CONCIERGE, new)
            [last] = await publish(organisation)
            await until(lambda: states(organisation) == [DELIVERED] * 21)
    for one in receiver.received:  # whoever has not changed over yet
        assert verified(old, one.headers, one.body)
    [after] = [one for one in receiver.received if one.message_id == last]
    assert verified(new, after.headers, after.body)


async def test_what_waits_for_an_endpoint_that_is_removed_is_given_up(
    organisation: Organisation,
) -> None:
    await publish(organisation, 3)
    async with delivering(organisation):
        await until(lambda: states(organisation) == [DEAD] * 3)
    assert {error for (error,) in messages(organisation, "last_error")} == {
        "there is no endpoint for it any more"
    }


async def test_two_workers_lose_nothing_and_count_each_once(
    organisation: Organisation,
) -> None:
    with running_receiver() as receiver:
        await listen(organisation, receiver.url())
        sent = await publish(organisation, 200)
        async with delivering(organisation), delivering(organisation):
            await until(lambda: states(organisation) == [DELIVERED] * 200)
    came = [one.message_id for one in receiver.received]
    assert set(came) == set(sent)
    # Only a lease that ran out on a busy machine sends one again.
    attempts = sum(number for (number,) in messages(organisation, "attempts"))
    assert attempts == 200


@contextmanager
def a_worker(database: MigratedDatabase) -> Iterator[subprocess.Popen[str]]:
    environ = {
        **os.environ,
        "TEST_URL": database.urls["footfall_insight"],
        "TEST_MAINTENANCE_URL": database.urls[logins.MAINTENANCE],
    }
    with subprocess.Popen(
        [sys.executable, "-m", "tests.delivering"], env=environ, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "delivering\n"
        try:
            yield worker
        finally:
            worker.send_signal(signal.SIGKILL)
            worker.wait()


async def test_54_a_worker_that_is_killed_loses_nothing_and_changes_no_id(
    organisation: Organisation, cycles: int
) -> None:
    """Each kill comes while the receiver has requests in hand that it has not answered."""
    with running_receiver(lambda _: Reply(seconds=0.1)) as receiver:
        secret = await listen(organisation, receiver.url())
        sent = await publish(organisation, 200 + 10 * cycles)
        for _ in range(cycles):
            with a_worker(organisation.database) as worker:
                before = len(receiver.received)
                await until(lambda: len(receiver.received) >= before + 4)  # noqa: B023
                await asyncio.sleep(random.uniform(0, 0.1))
                worker.send_signal(signal.SIGKILL)
                worker.wait()
        assert PENDING in states(organisation), "there was nothing left to lose"
        with a_worker(organisation.database):
            await until(lambda: set(states(organisation)) == {DELIVERED}, 120)
        assert_each_arrived(receiver, secret, sent)


def assert_each_arrived(receiver: Receiver, secret: str, sent: Sequence[str]) -> None:
    bodies = defaultdict(set)
    for one in receiver.received:
        verified(secret, one.headers, one.body, one.at)
        bodies[one.message_id].add(one.body)
    assert bodies.keys() == {one.message_id for one in receiver.answered} == set(sent)
    numbers = [json.loads(body)["data"]["number"] for [body] in bodies.values()]
    assert sorted(numbers) == list(range(len(sent)))
    print(f"{len(sent)} messages, {len(receiver.received)} tries")
