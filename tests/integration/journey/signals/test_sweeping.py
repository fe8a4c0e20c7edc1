"""All clients are asked about, page by page; new ones soon; each organisation by one worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from prometheus_client import CollectorRegistry

from services.journey.insight import Asking
from services.journey.parts import Insight
from services.journey.signals.usecases import Sweeps, sweeping
from shared.clock import SystemClock
from shared.data_dir import DataDir
from shared.database import Database
from shared.identity.internal import make_internal_key
from shared.settings import CommandLineSettings, Settings
from tests.ingesting import organisations
from tests.insight_faking import FakeInsight, fake_insight, truly, with_noise
from tests.integration.journey.conftest import HeldClock
from tests.journeying import Journey, Traveller
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase
from tests.signalling import kept, make_known, sweeps, until

EVERY_SECONDS = 900
_VISIBLE = "SELECT coalesce(max(position), 0) < app.log_horizon() FROM app.journey_changes"
CLIENTS = [f"client-{number:02}" for number in range(23)]


def make_new(traveller: Traveller, organisation: Organisation, *client_ids: str) -> None:
    """Tell journey of clients, and wait until readers of the log see them."""
    make_known(traveller, *client_ids)
    until(lambda: organisation.database.execute(_VISIBLE) == [(True,)])


@pytest.fixture
def insight() -> Iterator[FakeInsight]:
    with fake_insight() as fake:
        yield fake


@pytest.fixture
async def make(
    insight: FakeInsight, worker: Database, across: Database, clock: HeldClock, tmp_path: Path
) -> AsyncIterator[Callable[[], Sweeps]]:
    """Makes a worker's part."""
    data_dir = DataDir.at(tmp_path).prepare()
    make_internal_key(data_dir)
    settings = Settings(command_line=CommandLineSettings(insight_address=insight.address))
    channels = Insight(settings, data_dir, SystemClock())

    def made() -> Sweeps:
        asking, registry = Asking(channels), CollectorRegistry()
        return Sweeps(worker, across, asking, clock, registry, every_seconds=EVERY_SECONDS)

    yield made
    await channels.close()


@pytest.fixture
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "PAGE", 10)


@pytest.mark.usefixtures("_small_pages")
async def test_it_goes_page_by_page_and_comes_again(
    make: Callable[[], Sweeps],
    insight: FakeInsight,
    caller: Traveller,
    organisation: Organisation,
    clock: HeldClock,
) -> None:
    make_known(caller, *CLIENTS)
    swept = make()
    await swept.sweep()
    assert insight.asked == CLIENTS
    assert insight.named_at_once == [10, 10, 3]
    assert kept(organisation) == dict.fromkeys(CLIENTS, (1, 10.0))
    clock.passes(seconds=EVERY_SECONDS - 1)
    await swept.sweep()
    assert insight.asked == CLIENTS
    clock.passes(seconds=1)
    await swept.sweep()
    assert insight.asked == CLIENTS * 2


async def test_of_several_workers_one_sweeps(
    make: Callable[[], Sweeps], insight: FakeInsight, caller: Traveller, organisation: Organisation
) -> None:
    make_known(caller, *CLIENTS)
    await asyncio.gather(*(make().sweep() for _ in range(3)))
    assert insight.asked == CLIENTS
    assert sweeps(organisation) == (True, len(CLIENTS), 0)


async def test_what_a_dead_worker_began_another_does(
    make: Callable[[], Sweeps],
    insight: FakeInsight,
    caller: Traveller,
    organisation: Organisation,
    clock: HeldClock,
) -> None:
    make_known(caller, "one")
    organisation.database.execute(
        "INSERT INTO app.signal_sweeps (org_id, tried_at, clients, failures) VALUES (%s, %s, 0, 0)",
        organisation.org_id,
        clock.now(),
    )
    clock.passes(seconds=59)
    await make().sweep()
    assert insight.asked == []
    clock.passes(seconds=1)
    await make().sweep()
    assert insight.asked == ["one"]


async def test_new_clients_are_asked_about_and_nobody_else(
    make: Callable[[], Sweeps], insight: FakeInsight, caller: Traveller, organisation: Organisation
) -> None:
    make_known(caller, "one")
    swept = make()
    await swept.sweep()
    await swept.catch_up()  # from here on
    make_new(caller, organisation, "two", "three")
    await swept.catch_up()
    assert insight.asked == ["one", "three", "two"]
    await swept.catch_up()
    assert insight.asked == ["one", "three", "two"]
    assert kept(organisation).keys() == {"one", "two", "three"}


@pytest.mark.usefixtures("_small_pages")
async def test_so_many_new_ones_that_they_are_not_named(
    make: Callable[[], Sweeps],
    insight: FakeInsight,
    caller: Traveller,
    organisation: Organisation,
) -> None:
    make_known(caller, "one")
    swept = make()
    await swept.sweep()
    await swept.catch_up()
    make_new(caller, organisation, *CLIENTS)
    await swept.catch_up()
    assert insight.asked == ["one", *CLIENTS]
    assert insight.named_at_once == [1, 10, 10, 3]
    assert kept(organisation).keys() == {"one", *CLIENTS}


async def test_who_was_made_while_no_worker_ran_is_found_at_the_start(
    make: Callable[[], Sweeps], insight: FakeInsight, caller: Traveller
) -> None:
    make_known(caller, "one")
    await make().sweep()
    make_known(caller, "two")
    another = make()
    for _ in range(2):
        await another.catch_up()
    assert insight.asked == ["one", "two"]


async def test_one_organisation_that_fails_stops_no_other(
    make: Callable[[], Sweeps],
    insight: FakeInsight,
    journey: Journey,
    clock: HeldClock,
    database: MigratedDatabase,
) -> None:
    def answer(client_id: str, context: grpc.ServicerContext) -> bytes:
        bad = client_id == "bad"
        return with_noise(client_id, context) if bad else insight.true_list(client_id)

    insight.answer = answer
    names = ("bad", "good", "bad", "good")
    orgs = organisations(database, len(names))
    swept = make()
    await swept.catch_up()
    for name, organisation in zip(names, orgs, strict=True):
        make_known(journey.traveller(organisation), name)
    for _ in names:
        await swept.sweep()
        await swept.catch_up()
        clock.passes(seconds=10)
    assert [set(kept(one)) for one in orgs] == [set(), {"good"}, set(), {"good"}]
    insight.answer = truly
    clock.passes(seconds=60)
    await swept.sweep()
    assert [set(kept(one)) for one in orgs] == [{name} for name in names]


@pytest.mark.usefixtures("_small_pages")
async def test_a_new_client_does_not_wait_for_a_neighbours_import(
    make: Callable[[], Sweeps],
    insight: FakeInsight,
    caller: Traveller,
    neighbour: Traveller,
    organisation: Organisation,
) -> None:
    swept = make()
    await swept.catch_up()  # from here on
    make_new(caller, organisation, *CLIENTS)

    def answer(first: str, _: Any) -> bytes:
        if first == CLIENTS[0]:
            make_new(neighbour, organisation, "theirs")
        return insight.true_list(*insight.asked[-insight.named_at_once[-1] :])

    insight.answer = answer
    await swept.catch_up()
    assert insight.asked == [*CLIENTS[:20], "theirs", *CLIENTS[20:]]


@pytest.mark.usefixtures("_small_pages")
async def test_a_small_organisation_is_swept_beside_a_large_one(
    make: Callable[[], Sweeps],
    insight: FakeInsight,
    *,
    caller: Traveller,
    neighbour: Traveller,
    other_organisation: Organisation,
    clock: HeldClock,
) -> None:
    make_known(caller, *CLIENTS)
    make_known(neighbour, "theirs")
    other_organisation.database.execute(  # the other has waited longer
        "INSERT INTO app.signal_sweeps (org_id, tried_at, clients, failures) VALUES (%s, %s, 0, 0)",
        other_organisation.org_id,
        clock.now(),
    )
    clock.passes(seconds=60)
    await make().sweep()
    assert insight.asked == [*CLIENTS[:10], "theirs", *CLIENTS[10:]]
    assert sweeps(other_organisation)[1:] == (1, 0)


async def test_a_refusal_postpones_that_organisation_and_no_other(
    make: Callable[[], Sweeps],
    insight: FakeInsight,
    *,
    caller: Traveller,
    neighbour: Traveller,
    organisation: Organisation,
    other_organisation: Organisation,
    clock: HeldClock,
) -> None:
    def answer(client_id: str, context: grpc.ServicerContext) -> bytes:
        if client_id == "ours":
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "")
        return insight.true_list(client_id)

    insight.answer = answer
    swept = make()
    await swept.catch_up()
    make_new(caller, organisation, "ours")
    make_new(neighbour, other_organisation, "theirs")
    for _ in range(2):
        await swept.catch_up()
    assert insight.asked == ["ours", "theirs"]
    assert (set(kept(organisation)), set(kept(other_organisation))) == (set(), {"theirs"})
    insight.answer = truly
    clock.passes(seconds=2)
    await swept.catch_up()
    assert set(kept(organisation)) == {"ours"}


async def test_a_client_deleted_while_insight_answers_is_not_written_again(
    make: Callable[[], Sweeps],
    insight: FakeInsight,
    caller: Traveller,
    organisation: Organisation,
    clock: HeldClock,
) -> None:
    make_known(caller, "old", "stays")
    swept = make()
    await swept.sweep()
    make_known(caller, "new")

    def answer(_: str, __: Any) -> bytes:
        for client_id in ("old", "new"):
            organisation.database.execute(
                "DELETE FROM app.client_states WHERE org_id = %s AND client_id = %s",
                organisation.org_id,
                client_id,
            )
        organisation.database.execute(
            "DELETE FROM app.client_signals WHERE org_id = %s AND client_id = 'old'",
            organisation.org_id,
        )
        return insight.true_list("new", "old", "stays")

    insight.answer = answer
    clock.passes(seconds=EVERY_SECONDS)
    await swept.sweep()
    assert kept(organisation) == {"stays": (1, 10.0)}
