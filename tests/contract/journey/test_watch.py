"""Following clients as they change."""

from __future__ import annotations

import threading
from typing import Any, Self

import grpc
import pytest

from footfall.journey.v1 import clients_pb2, watch_pb2
from tests.ingesting import refusal
from tests.journeying import Journey, Traveller
from tests.organisations import Organisation
from tests.travels import (
    CHURN_RISK,
    HIGH,
    LEAD,
    ONBOARDING,
    RETENTION,
    happening,
    make,
    moved,
    track,
    troubles,
)


class Watch:
    """A watch that reads in a thread of its own; closed by leaving."""

    def __init__(self, caller: Traveller, **request: Any) -> None:
        self.clients: list[clients_pb2.ClientStanding] = []
        self.token = ""
        self._stream = caller.call(
            "WatchJourneys", watch_pb2.WatchJourneysRequest(**request), timeout=60
        )
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            for message in self._stream:
                with self._changed:
                    self.clients += message.clients
                    self.token = message.resume_token
                    self._changed.notify_all()
        except grpc.RpcError:
            return

    def wait_for(self, count: int) -> list[clients_pb2.ClientStanding]:
        """The clients so far, once there are so many."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: self.token and len(self.clients) >= count, timeout=30
            )
            return list(self.clients)

    def __enter__(self) -> Self:
        self.wait_for(0)
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.cancel()


def next_of(caller: Traveller, **request: Any) -> Any:
    return next(caller.call("WatchJourneys", watch_pb2.WatchJourneysRequest(**request), timeout=20))


def test_a_watch_sends_each_client_as_it_changes(caller: Traveller) -> None:
    make(caller, "mia")
    with Watch(caller) as watch:
        moved(caller, "mia", ONBOARDING, days_ago=3)
        assert [one.stage for one in watch.wait_for(1)] == [ONBOARDING]
        moved(caller, "mia", RETENTION, days_ago=2)
        last = watch.wait_for(2)[1]
        assert (last.client_id, last.name, last.stage) == ("mia", "Mia", RETENTION)
        shown = caller.call("GetClient", clients_pb2.GetClientRequest(client_id="mia")).standing
        assert (last.score, last.risk_level) == (shown.score, shown.risk_level)


def test_what_changes_nothing_that_is_shown_is_not_sent(caller: Traveller) -> None:
    make(caller, "mia", "milo")
    moved(caller, "mia", ONBOARDING)
    with Watch(caller) as watch:
        track(caller, happening("mia", "wrote", 0.5, ONBOARDING))
        moved(caller, "milo", ONBOARDING)
        assert [one.client_id for one in watch.wait_for(1)] == ["milo"]


def test_a_watch_goes_on_where_it_ended_and_sends_what_changed_twice_once(
    caller: Traveller,
) -> None:
    make(caller, "mia", "milo")
    with Watch(caller) as watch:
        moved(caller, "mia", ONBOARDING)
        watch.wait_for(1)
        token = watch.token
    moved(caller, "milo", ONBOARDING, days_ago=3)
    moved(caller, "milo", RETENTION, days_ago=2)
    with Watch(caller, resume_token=token) as watch:
        assert [(one.client_id, one.stage) for one in watch.wait_for(1)] == [("milo", RETENTION)]
        last = watch.token
    with Watch(caller, resume_token=last) as watch:
        moved(caller, "mia", RETENTION)
        assert [one.client_id for one in watch.wait_for(1)] == ["mia"]


def test_large_commits_and_small_ones_all_arrive(caller: Traveller) -> None:
    clients = [f"c{number:03}" for number in range(250)]
    make(caller, *clients)
    token = next_of(caller).resume_token
    for commit in (clients[:20], clients[20:230], clients[230:]):
        track(caller, *(happening(one, "moved", 1, ONBOARDING) for one in commit))
    with Watch(caller, resume_token=token) as watch:
        assert sorted(one.client_id for one in watch.wait_for(250)) == clients


def test_a_watch_filters_by_client_level_and_stage(caller: Traveller) -> None:
    make(caller, "mia", "milo", "max")
    with (
        Watch(caller, client_ids=["milo", "nobody"]) as of_milo,
        Watch(caller, min_risk_level=HIGH) as high,
        Watch(caller, stages=[RETENTION, CHURN_RISK]) as staying,
    ):
        track(caller, *troubles("mia", 3, LEAD))
        moved(caller, "milo", ONBOARDING)
        moved(caller, "max", RETENTION)
        moved(caller, "max", CHURN_RISK, days_ago=0.5)
        assert [one.client_id for one in of_milo.wait_for(1)] == ["milo"]
        assert {one.client_id for one in high.wait_for(2)} == {"mia", "max"}
        assert {one.client_id for one in staying.wait_for(1)} == {"max"}


def test_a_deleted_client_is_sent_no_more(caller: Traveller) -> None:
    make(caller, "mia", "milo")
    token = next_of(caller).resume_token
    moved(caller, "mia", ONBOARDING)
    caller.call("DeleteClient", clients_pb2.DeleteClientRequest(client_id="mia"))
    moved(caller, "milo", ONBOARDING)
    with Watch(caller, resume_token=token) as watch:
        assert [one.client_id for one in watch.wait_for(1)] == ["milo"]


def test_a_watch_sees_its_own_organisation_alone(
    journey: Journey, caller: Traveller, globex: Organisation
) -> None:
    other = journey.traveller(globex)
    make(caller, "mia")
    make(other, "milo")
    with Watch(other) as watch:
        moved(caller, "mia", ONBOARDING)
        moved(other, "milo", ONBOARDING)
        assert [one.client_id for one in watch.wait_for(1)] == ["milo"]


@pytest.mark.parametrize("field", ["organisation", "filter", "text"])
def test_a_token_resumes_nothing_else(
    journey: Journey, caller: Traveller, globex: Organisation, field: str
) -> None:
    token = next_of(caller).resume_token
    other = journey.traveller(globex) if field == "organisation" else caller
    request = {"resume_token": f"{token}x" if field == "text" else token}
    where = {"client_ids": ["mia"]} if field == "filter" else {}
    with pytest.raises(grpc.RpcError) as error:
        next_of(other, **request, **where)
    refused = refusal(error.value)
    assert (refused.code, refused.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_PAGE_TOKEN",
    )


def test_a_token_that_is_too_old_is_refused_with_the_oldest_that_is_not(
    caller: Traveller, acme: Organisation
) -> None:
    make(caller, "mia", "milo")
    start = next_of(caller).resume_token
    moved(caller, "mia", ONBOARDING)
    acme.database.execute(
        "UPDATE app.journey_changes SET logged_at = logged_at - interval '73 hours'"
        " WHERE org_id = %s",
        acme.org_id,
    )
    with Watch(caller, resume_token=start) as watch:
        watch.wait_for(1)
        behind = watch.token
    moved(caller, "milo", ONBOARDING)
    with pytest.raises(grpc.RpcError) as failed:
        next_of(caller, resume_token=behind)
    told = refusal(failed.value)
    assert (told.code, told.reason) == (grpc.StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED")
    with Watch(caller, resume_token=told.metadata["oldest"]) as watch:
        assert [one.client_id for one in watch.wait_for(1)] == ["milo"]
