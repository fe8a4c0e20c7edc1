"""What is acknowledged survives the death of the service and of Postgres.

Numbers are those of the hardening checklist. `kill -9` does not test the disk's own cache; that
`fsync` and its kin are on is asserted at every start instead.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import grpc
import psycopg
import pytest

from footfall.events.v1 import event_ingest_pb2 as pb
from shared.embedded import EmbeddedPostgres
from tests.ingesting import Caller, at, event, refusal, running_ingest, wait_for_serving
from tests.organisations import add_organisation
from tests.postgres import MigratedDatabase, Template, cluster
from tests.sending import Senders, assert_nothing_is_wrong, check

FIRST_ACK_SECONDS = 5.0


@contextmanager
def a_cluster(
    settings: Mapping[str, str] | None = None,
) -> Iterator[tuple[EmbeddedPostgres, MigratedDatabase]]:
    """Of the test's own: it will be killed."""
    with cluster(settings) as postgres, Template(postgres).clone() as database:
        yield postgres, database


def kill_all_of_postgres(postgres: EmbeddedPostgres) -> None:
    """The postmaster and its children, as a machine's death would end them."""
    assert postgres.pid is not None
    children = Path(f"/proc/{postgres.pid}/task/{postgres.pid}/children").read_text().split()
    for pid in (postgres.pid, *map(int, children)):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def wait_for_an_acknowledgement(caller: Caller) -> float:
    """Seconds until the service stores again."""
    began = time.monotonic()
    while time.monotonic() - began < 30:
        try:
            caller.call("IngestEvent", pb.IngestEventRequest(event=event()), timeout=2)
        except Exception:  # noqa: BLE001 - whatever it is, only the time counts
            time.sleep(0.02)
        else:
            return time.monotonic() - began
    raise AssertionError("no acknowledgement within 30 seconds")


def test_killing_the_service_loses_and_doubles_nothing(template: Template, cycles: int) -> None:
    """10."""
    with template.clone() as database, running_ingest(database) as ingest:
        acme = add_organisation(database)
        with Senders(lambda: ingest.caller(acme)) as senders:
            for _ in range(cycles):
                time.sleep(random.uniform(0.2, 0.6))
                ingest.stop(signal.SIGKILL)
                ingest.start()
            time.sleep(0.3)
        found = assert_nothing_is_wrong(acme, senders.log)
        assert senders.log.ok, "nothing was sent"
        print(f"{len(senders.log.ok)} acknowledged, {len(found.recovered)} of unknown fate stored")


def test_killing_postgres_loses_and_doubles_nothing(cycles: int) -> None:
    """11 and 13, the service stays up."""
    with a_cluster() as (postgres, database), running_ingest(database) as ingest:
        acme, prober = add_organisation(database), add_organisation(database)
        with Senders(lambda: ingest.caller(acme)) as senders:
            for _ in range(cycles):
                time.sleep(random.uniform(0.2, 0.6))
                kill_all_of_postgres(postgres)
                asyncio.run(postgres.restart())
                assert wait_for_an_acknowledgement(ingest.caller(prober)) < FIRST_ACK_SECONDS
        assert ingest.process.poll() is None
        assert_nothing_is_wrong(acme, senders.log)
        assert senders.log.ok
        assert all(seconds is not None for seconds in senders.log.unavailable)


def test_the_checker_sees_what_an_asynchronous_commit_loses() -> None:
    """11, the other half: this harness turns red when `synchronous_commit` is off."""
    with (
        a_cluster({"wal_writer_delay": "10s"}) as (postgres, database),
        running_ingest(database) as ingest,
    ):
        acme = add_organisation(database)
        with psycopg.connect(postgres.admin_url, autocommit=True) as admin:
            admin.execute("ALTER SYSTEM SET synchronous_commit = off")
            admin.execute("SELECT pg_reload_conf()")
        with Senders(lambda: ingest.caller(acme)) as senders:
            time.sleep(1.0)
            kill_all_of_postgres(postgres)
        asyncio.run(postgres.restart())
        assert check(acme, senders.log).lost


def test_postgres_away_is_unavailable_at_once_and_heals_by_itself() -> None:
    """13."""
    with a_cluster() as (postgres, database), running_ingest(database) as ingest:
        acme = add_organisation(database)
        caller = ingest.caller(acme)
        caller.ingest(event())
        kill_all_of_postgres(postgres)
        waits = []
        for _ in range(10):
            began = time.monotonic()
            with pytest.raises(grpc.RpcError) as failed:
                caller.ingest(event())
            waits.append(time.monotonic() - began)
            assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
            assert refusal(failed.value).retry_seconds
            time.sleep(0.2)
        assert max(waits) < 2.5
        asyncio.run(postgres.restart())
        assert wait_for_an_acknowledgement(caller) < FIRST_ACK_SECONDS
        wait_for_serving(ingest.address, ingest.process)


def test_every_verdict_is_the_same_after_a_restart(template: Template) -> None:
    """Nothing that decides is in the memory of the process."""
    with template.clone() as database, running_ingest(database) as ingest:
        acme = add_organisation(database)
        sent = [event(user_id="mia") for _ in range(100)]
        sent.append(event(event_id=str(uuid.uuid4())))  # without a time of its own anywhere
        assert set(ingest.caller(acme).verdicts(*sent)) == {"ACCEPTED"}
        mended = event("nope", user_id="mia")
        assert ingest.caller(acme).verdicts(mended) == ["REJECTED"]
        assert ingest.stop() == 0
        ingest.start()
        caller, mended.type = ingest.caller(acme), "login"
        assert set(caller.verdicts(*sent)) == {"DUPLICATE"}
        changed = event(event_id=sent[0].event_id, user_id="milo")
        moved = event(event_id=sent[-1].event_id, occurred_at=at(86_400.0))
        assert caller.verdicts(changed, moved, mended) == ["CONFLICT", "CONFLICT", "ACCEPTED"]
        assert len(caller.listed()) == 102


def test_sigterm_at_full_load_fails_no_call_in_hand(template: Template) -> None:
    """29."""
    with template.clone() as database, running_ingest(database) as ingest:
        acme = add_organisation(database)
        with Senders(lambda: ingest.caller(acme)) as senders:
            time.sleep(0.5)
            began = time.monotonic()
            assert ingest.stop() == 0
            assert time.monotonic() - began < 10
        found = assert_nothing_is_wrong(acme, senders.log)
        assert not found.recovered, "stored, and the caller was not told"


def test_an_ingest_process_says_why_it_does_not_start(database: MigratedDatabase) -> None:
    """60, through the real program."""
    database.execute("ALTER TABLE app.events NO FORCE ROW LEVEL SECURITY")
    with pytest.raises(AssertionError, match="ended with 1"), running_ingest(database):
        pass
