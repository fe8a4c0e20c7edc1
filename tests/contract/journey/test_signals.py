"""Low use of features: from events through insight into journey, soon and again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from footfall.journey.v1 import actions_pb2, clients_pb2, journey_pb2, tracking_pb2
from tests.ingesting import Caller, Ingest, organisations, running_folding, running_ingest
from tests.insighting import Asker, Insight, running_insight
from tests.journeying import Journey, Traveller, running_journey
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase
from tests.signalling import (
    findings,
    kept,
    make_known,
    sweep_again,
    sweeping,
    sweeps,
    until,
    use,
)

LOW = journey_pb2.RISK_LOW_FEATURE_USAGE
FLEET = {f"client-{number:02}": 10 for number in range(25)} | {"client-00": 1}
"""Twenty-five clients, one of which uses little."""


@pytest.fixture(scope="module")
def ingest(shared_database: MigratedDatabase) -> Iterator[Ingest]:
    with running_ingest(shared_database) as running, running_folding(shared_database):
        yield running


@pytest.fixture(scope="module")
def insight(shared_database: MigratedDatabase) -> Iterator[Insight]:
    with running_insight(shared_database) as running:
        yield running


@pytest.fixture(scope="module")
def _worker(shared_database: MigratedDatabase, insight: Insight) -> Iterator[None]:
    with sweeping(shared_database, insight.address):
        yield


@pytest.fixture
def backend(ingest: Ingest, acme: Organisation) -> Caller:
    return ingest.caller(acme)


@pytest.fixture
def asker(insight: Insight, acme: Organisation) -> Asker:
    return insight.asker(acme)


def risks(caller: Traveller, client_id: str) -> dict[int, journey_pb2.RiskFinding]:
    request = tracking_pb2.CalculateJourneyScoreRequest(client_id=client_id)
    return {one.risk: one for one in caller.call("CalculateJourneyScore", request).risks}


def turns(organisation: Organisation, client_id: str) -> list[int]:
    rows = organisation.database.execute(
        "SELECT feature_uses FROM app.signal_turns WHERE org_id = %s AND client_id = %s"
        " ORDER BY valid_from",
        organisation.org_id,
        client_id,
    )
    return [uses for (uses,) in rows]


@pytest.mark.usefixtures("_worker")
class TestTheWorker:
    def test_who_uses_little_is_found_and_cleared_when_it_uses_more(
        self, backend: Caller, asker: Asker, caller: Traveller, acme: Organisation
    ) -> None:
        use(backend, asker, FLEET)
        make_known(caller, *FLEET)
        until(lambda: kept(acme).keys() == FLEET.keys())
        assert kept(acme) == {client_id: (uses, 10.0) for client_id, uses in FLEET.items()}
        assert LOW in findings(acme, "client-00")
        assert LOW not in findings(acme, "client-01")
        found = risks(caller, "client-00")[LOW]
        assert "1" in found.evidence
        assert "10" in found.evidence
        assert LOW not in risks(caller, "client-01")

        use(backend, asker, {"client-00": 20})
        sweep_again(acme)
        until(lambda: kept(acme)["client-00"] == (21, 10.0))
        assert LOW not in findings(acme, "client-00")
        assert LOW not in risks(caller, "client-00")
        assert turns(acme, "client-00") == [1, 21]
        assert turns(acme, "client-01") == [10]

    def test_who_is_never_seen_has_zeros_and_strangers_are_not_kept(
        self, backend: Caller, asker: Asker, caller: Traveller, acme: Organisation
    ) -> None:
        use(backend, asker, FLEET)
        make_known(caller, "client-00", "silent")
        until(lambda: kept(acme).keys() == {"client-00", "silent"})
        assert kept(acme) == {"client-00": (1, 10.0), "silent": (0, 10.0)}
        assert LOW in findings(acme, "silent")
        until(lambda: sweeps(acme)[0])
        sweep_again(acme)
        until(lambda: sweeps(acme) == (True, 2, 0))

    def test_a_small_fleet_has_nobody_who_uses_little(
        self, backend: Caller, asker: Asker, caller: Traveller, acme: Organisation
    ) -> None:
        few = {client_id: uses for client_id, uses in FLEET.items() if client_id < "client-19"}
        use(backend, asker, few)
        make_known(caller, "client-00")
        until(lambda: kept(acme) == {"client-00": (1, None)})
        assert LOW not in findings(acme, "client-00")

    def test_a_client_that_is_deleted_leaves_no_signals(
        self, backend: Caller, asker: Asker, caller: Traveller, acme: Organisation
    ) -> None:
        use(backend, asker, {"one": 1})
        make_known(caller, "one", "two")
        until(lambda: kept(acme).keys() == {"one", "two"})
        caller.call("DeleteClient", clients_pb2.DeleteClientRequest(client_id="one"))
        sweep_again(acme)
        until(lambda: sweeps(acme) == (True, 1, 0))
        assert kept(acme).keys() == {"two"}
        assert turns(acme, "one") == []

    def test_organisations_share_nothing(
        self, ingest: Ingest, insight: Insight, journey: Journey, shared_database: MigratedDatabase
    ) -> None:
        acme, globex = organisations(shared_database, 2)
        use(ingest.caller(acme), insight.asker(acme), FLEET)
        for organisation in (acme, globex):
            make_known(journey.traveller(organisation), "client-00")
        until(lambda: kept(acme) and kept(globex))
        assert kept(acme) == {"client-00": (1, 10.0)}
        assert kept(globex) == {"client-00": (0, None)}


def test_insight_is_asked_directly_for_a_client_without_signals(
    database: MigratedDatabase, organisation: Organisation
) -> None:
    """There is no worker here; and a read stays a read."""
    with (
        running_ingest(database) as ingest,
        running_folding(database),
        running_insight(database) as insight,
        running_journey(
            database,
            FOOTFALL_INSIGHT_ADDRESS=insight.address,
            FOOTFALL_JOURNEY_INSIGHT_BUDGET_MS="5000",
        ) as journey,
    ):
        use(ingest.caller(organisation), insight.asker(organisation), FLEET)
        caller = journey.traveller(organisation)
        make_known(caller, "client-00")
        request = actions_pb2.GetNextBestActionRequest(client_id="client-00")
        answer = caller.call("GetNextBestAction", request)
    assert answer.signals_available
    assert LOW in [one.risk for one in answer.risks]
    assert kept(organisation) == {}
