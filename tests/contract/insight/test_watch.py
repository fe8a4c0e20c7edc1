"""Following insights as they change."""

from __future__ import annotations

import threading
from typing import Any, Self

import grpc
import pytest

from footfall.insights.v1 import insight_pb2, watch_pb2
from footfall.insights.v1 import insight_requests_pb2 as pb
from tests.detecting import (
    CHURN,
    DAY,
    LAST_WEEK,
    NOON,
    STUCK,
    WEEK_BEFORE,
    events,
    generate,
    one_of,
    send,
)
from tests.ingesting import Caller, refusal
from tests.insighting import Asker, Insight
from tests.organisations import Organisation


class Watch:
    """A watch that reads in a thread of its own; closed by leaving."""

    def __init__(self, asker: Asker, **request: Any) -> None:
        self.insights: list[insight_pb2.Insight] = []
        self.token = ""
        self._stream = asker.call(
            "WatchInsights", watch_pb2.WatchInsightsRequest(**request), timeout=60
        )
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            for message in self._stream:
                with self._changed:
                    self.insights += message.insights
                    self.token = message.resume_token
                    self._changed.notify_all()
        except grpc.RpcError:
            return

    def wait_for(self, count: int) -> list[insight_pb2.Insight]:
        """The insights so far, once there are so many."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: self.token and len(self.insights) >= count, timeout=30
            )
            return list(self.insights)

    def __enter__(self) -> Self:
        self.wait_for(0)
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.cancel()


@pytest.fixture(autouse=True)
def _folding(folding: None) -> None:
    """Runs count features and clients."""


def stuck(backend: Caller, *users: str, days_ago: float = LAST_WEEK) -> None:
    send(
        backend,
        [
            one
            for user in users
            for one in events(6, days_ago, "feature_abandoned", user_id=user, client_id="")
        ],
    )


def of_users(insights: list[insight_pb2.Insight]) -> list[str]:
    return [one.subject.user_id for one in insights if one.subject.user_id]


def next_of(asker: Asker, **request: Any) -> Any:
    return next(asker.call("WatchInsights", watch_pb2.WatchInsightsRequest(**request), timeout=20))


def test_a_watch_sends_what_is_found_and_what_becomes_of_it(backend: Caller, asker: Asker) -> None:
    with Watch(asker) as watch:
        send(backend, events(20, WEEK_BEFORE, "page_view"))
        found = one_of(generate(asker, NOON - DAY), CHURN)
        assert {one.insight_id for one in watch.wait_for(3)} >= {found.insight_id}
        generate(asker)  # refreshed alone: nobody wants to know
        request = pb.AcknowledgeInsightRequest(insight_id=found.insight_id, note="mine")
        taken = asker.call("AcknowledgeInsight", request).insight
        assert watch.wait_for(4)[3] == taken
        done = pb.ResolveInsightRequest(insight_id=found.insight_id, etag=taken.etag)
        resolved = asker.call("ResolveInsight", done).insight
        assert watch.wait_for(5)[4:] == [resolved]


def test_a_watch_goes_on_where_it_ended_and_sends_what_changed_twice_once(
    backend: Caller, asker: Asker
) -> None:
    with Watch(asker) as watch:
        stuck(backend, "mia")
        generate(asker, NOON - DAY)
        watch.wait_for(2)  # of mia and of the organisation
        token = watch.token
    stuck(backend, "milo")
    milo = one_of(generate(asker), STUCK, "milo")
    for method, request in (
        ("AcknowledgeInsight", pb.AcknowledgeInsightRequest(insight_id=milo.insight_id)),
        ("DismissInsight", pb.DismissInsightRequest(insight_id=milo.insight_id)),
    ):
        asker.call(method, request)
    with Watch(asker, resume_token=token) as watch:
        shown = [one for one in watch.wait_for(1) if one.subject.user_id == "milo"]
        assert [one.state for one in shown] == [4]
        last = watch.token
    with Watch(asker, resume_token=last) as watch:
        stuck(backend, "max")
        generate(asker, NOON + DAY / 24)
        assert "max" in of_users(watch.wait_for(1))
        assert "milo" not in of_users(watch.wait_for(1))


def test_many_changes_of_one_run_all_arrive(backend: Caller, asker: Asker) -> None:
    users = [f"u{number}" for number in range(450)]
    with Watch(asker) as watch:
        stuck(backend, *users)
        generate(asker)
        assert sorted(of_users(watch.wait_for(451))) == sorted(users)


def test_a_watch_filters_by_type_user_and_client(backend: Caller, asker: Asker) -> None:
    with (
        Watch(asker, insight_types=[CHURN]) as churn,
        Watch(asker, user_id="mia") as of_mia,
        Watch(asker, client_id="phone-7") as of_client,
    ):
        send(backend, events(20, WEEK_BEFORE, "page_view"))
        stuck(backend, "milo", days_ago=WEEK_BEFORE)
        stuck(backend, "milo")
        generate(asker)
        assert {one.insight_type for one in churn.wait_for(3)} == {CHURN}
        assert set(of_users(of_mia.wait_for(1))) == {"mia"}
        assert {one.subject.client_id for one in of_client.wait_for(1)} == {"phone-7"}


def test_a_token_that_is_too_old_is_refused_with_the_oldest_that_is_not(
    acme: Organisation, backend: Caller, asker: Asker
) -> None:
    with Watch(asker) as watch:
        start = watch.token
    stuck(backend, "mia")
    generate(asker, NOON - DAY)
    acme.database.execute(
        "UPDATE app.insight_changes SET logged_at = logged_at - interval '73 hours'"
        " WHERE org_id = %s",
        acme.org_id,
    )
    with Watch(asker, resume_token=start) as watch:
        watch.wait_for(2)
        behind = watch.token
    stuck(backend, "milo")
    generate(asker)
    with pytest.raises(grpc.RpcError) as failed:
        next_of(asker, resume_token=behind)
    told = refusal(failed.value)
    assert (told.code, told.reason) == (grpc.StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED")
    with Watch(asker, resume_token=told.metadata["oldest"]) as watch:
        assert of_users(watch.wait_for(1)) == ["milo"]


def test_a_resume_token_belongs_to_its_filter_and_organisation(
    insight: Insight, globex: Organisation, asker: Asker
) -> None:
    with Watch(asker) as watch:
        token = watch.token
    for caller, where in ((insight.asker(globex), {}), (asker, {"user_id": "mia"})):
        with pytest.raises(grpc.RpcError) as failed:
            next_of(caller, resume_token=token, **where)
        assert refusal(failed.value).reason == "INVALID_PAGE_TOKEN"


def test_a_watch_shows_nothing_of_another_organisation_and_members_nothing(
    *,
    ingest: Any,
    insight: Insight,
    acme: Organisation,
    globex: Organisation,
    backend: Caller,
    asker: Asker,
) -> None:
    with Watch(asker) as watch:
        stuck(ingest.caller(globex), "stranger")
        generate(insight.asker(globex))
        stuck(backend, "mia")
        generate(asker)
        assert set(of_users(watch.wait_for(2))) == {"mia"}
    with pytest.raises(grpc.RpcError) as failed:
        next_of(insight.asker(acme, "mia"))
    assert refusal(failed.value).code is grpc.StatusCode.PERMISSION_DENIED
