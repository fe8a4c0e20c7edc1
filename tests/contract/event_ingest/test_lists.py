"""Reading events back: filters, order, pages."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import grpc
import pytest
from google.type.interval_pb2 import Interval

from footfall.events.v1 import event_ingest_pb2 as pb
from tests.ingesting import Caller, Ingest, at, event, refusal
from tests.organisations import Organisation
from tests.storing import event_at

HOUR = 3600.0


@pytest.fixture
def history(backend: Caller) -> list[str]:
    """Thirty events over as many hours, of three users and two types; ids, the latest first."""
    sent = [
        event(
            "login" if number % 10 == 0 else "page_view",
            user_id=f"user-{number % 3}",
            occurred_at=at(number * HOUR),
        )
        for number in range(30)
    ]
    assert set(backend.verdicts(*sent)) == {"ACCEPTED"}
    return [one.event_id for one in sent]


@pytest.mark.parametrize("page_size", [1, 7, 30, 0, 5000])
def test_pages_hold_every_event_once_in_order(
    backend: Caller, history: list[str], page_size: int
) -> None:
    assert [one.event_id for one in backend.listed(page_size=page_size)] == history


@pytest.mark.parametrize("page_size", [1, 2, 50])
def test_filters_narrow_by_user_type_and_time(
    backend: Caller, history: list[str], page_size: int
) -> None:
    def found(**request: object) -> list[int]:
        listed = backend.listed(page_size=page_size, **request)
        return [history.index(one.event_id) for one in listed]

    assert found(user_id="user-1") == list(range(1, 30, 3))
    assert found(types=["login"]) == [0, 10, 20]
    assert found(types=["login", "page_view"]) == list(range(30))
    assert found(types=["login"], user_id="user-1") == [10]
    assert found(types=["nothing_of_the_kind"]) == []
    half = Interval(start_time=at(20.5 * HOUR), end_time=at(9.5 * HOUR))
    assert found(interval=half) == list(range(10, 21))
    assert found(interval=half, types=["login"]) == [10, 20]
    assert found(interval=Interval(end_time=at(28.5 * HOUR))) == [29]


def test_an_interval_is_half_open(backend: Caller) -> None:
    moment, later = at(60), at(30)
    backend.ingest(event(occurred_at=moment))
    assert len(backend.listed(interval=Interval(start_time=moment, end_time=later))) == 1
    assert backend.listed(interval=Interval(start_time=at(90), end_time=moment)) == []


def test_events_of_one_moment_are_paged_by_id(backend: Caller) -> None:
    moment = at(5)
    sent = [event(occurred_at=moment) for _ in range(25)]
    backend.ingest(*sent)
    expected = sorted((one.event_id for one in sent), reverse=True)
    assert [one.event_id for one in backend.listed(page_size=4)] == expected
    assert [one.event_id for one in backend.listed(page_size=4, types=[sent[0].type])] == expected


def test_a_page_never_outgrows_a_message(backend: Caller) -> None:
    big = '{"text":"' + "x" * 60_000 + '"}'
    sent = [event(properties_json=big) for _ in range(60)]
    for half in (sent[:30], sent[30:]):
        assert set(backend.verdicts(*half)) == {"ACCEPTED"}
    page = backend.call("ListEvents", pb.ListEventsRequest(page_size=1000))
    assert 0 < len(page.events) < 60
    assert page.next_page_token
    assert len(backend.listed(page_size=1000)) == 60


def test_large_events_of_a_type_are_all_listed_whatever_hour_they_are_of(backend: Caller) -> None:
    """A page that is full of bytes ends in the middle of its hours, and the next one goes on."""
    big = '{"text":"' + "x" * 60_000 + '"}'
    sent = [event(properties_json=big, occurred_at=at(number * HOUR / 4)) for number in range(120)]
    for start in range(0, 120, 40):
        assert set(backend.verdicts(*sent[start : start + 40])) == {"ACCEPTED"}
    expected = [one.event_id for one in sent]
    for request in ({"types": [sent[0].type]}, {}):
        listed = backend.listed(page_size=1000, **request)
        assert [one.event_id for one in listed] == expected
        assert {one.properties_json for one in listed} == {big}


@pytest.mark.parametrize("page_size", [1, 3, 7, 100])
@pytest.mark.parametrize("change", ["2024-04-06T15:00Z", "2024-10-05T15:30Z"])
def test_where_the_clocks_move_by_half_an_hour_each_event_is_listed_once(
    backend: Caller, acme: Organisation, change: str, page_size: int
) -> None:
    """On Lord Howe, where one local hour then takes half an hour or an hour and a half."""
    acme.set("time_zone", "Australia/Lord_Howe")
    acme.set("retention_days", None)
    middle = datetime.fromisoformat(change)
    moments = [middle + timedelta(minutes=minutes) for minutes in range(-150, 150, 10)]
    sent = [event_at(moment) for moment in moments]
    assert set(backend.verdicts(*sent)) == {"ACCEPTED"}
    expected = [one.event_id for one in reversed(sent)]
    for bounds in ({}, {"interval": Interval(end_time=sent[-1].occurred_at)}):
        listed = backend.listed(page_size=page_size, types=[sent[0].type], **bounds)
        assert [one.event_id for one in listed] == expected[len(bounds) :]


def test_a_negative_page_size_is_refused(backend: Caller) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        backend.call("ListEvents", pb.ListEventsRequest(page_size=-1))
    assert list(refusal(failed.value).violations) == ["page_size"]


@pytest.mark.usefixtures("history")
def test_a_token_belongs_to_its_query_and_its_organisation(
    ingest: Ingest, backend: Caller, globex: Organisation
) -> None:
    """R39."""
    token = backend.call("ListEvents", pb.ListEventsRequest(page_size=2)).next_page_token
    stranger = ingest.caller(globex)
    attempts = [
        (backend, pb.ListEventsRequest(page_token=token, user_id="user-1")),
        (backend, pb.ListEventsRequest(page_token=token[:-6] + "AAAAAA")),
        (backend, pb.ListEventsRequest(page_token="nonsense")),
        (stranger, pb.ListEventsRequest(page_token=token)),
        (stranger, pb.ListRejectedEventsRequest(page_token=token)),
    ]
    for caller, request in attempts:
        method = type(request).__name__.removesuffix("Request")
        with pytest.raises(grpc.RpcError) as failed:
            caller.call(method, request)
        found = refusal(failed.value)
        assert (found.code, found.reason) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "INVALID_PAGE_TOKEN",
        )


@pytest.mark.usefixtures("history")
def test_another_organisation_sees_nothing_of_it(
    ingest: Ingest, backend: Caller, globex: Organisation
) -> None:
    """R37."""
    backend.ingest(event("nope"))
    stranger = ingest.caller(globex)
    assert stranger.listed() == []
    assert stranger.listed(user_id="user-1") == []
    assert stranger.listed(types=["login"]) == []
    kept = backend.call("ListRejectedEvents", pb.ListRejectedEventsRequest()).rejected_events
    assert len(kept) == 1
    assert not stranger.call("ListRejectedEvents", pb.ListRejectedEventsRequest()).rejected_events
    asked = pb.ReplayRejectedEventsRequest(rejection_ids=[kept[0].rejection_id])
    with pytest.raises(grpc.RpcError) as failed:
        stranger.call("ReplayRejectedEvents", asked)
    assert refusal(failed.value).code is grpc.StatusCode.NOT_FOUND


def test_rejected_events_are_paged_and_filtered_by_reason(backend: Caller) -> None:
    backend.ingest(*(event("nope") for _ in range(5)), *(event(user_id="x" * 200),))
    found: list[str] = []
    token = ""
    while True:
        asked = pb.ListRejectedEventsRequest(
            page_size=2, page_token=token, reason="UNKNOWN_EVENT_TYPE"
        )
        page = backend.call("ListRejectedEvents", asked)
        found += [one.rejection_id for one in page.rejected_events]
        token = page.next_page_token
        if not token:
            break
    assert len(found) == 5
    assert found == sorted(found, reverse=True)


def test_pages_of_large_rejected_events_fit_into_messages(backend: Caller) -> None:
    large = [event("nope", properties_json=json.dumps({"x": "x" * 60_000})) for _ in range(120)]
    backend.ingest(*large[:60])
    backend.ingest(*large[60:])
    found: list[str] = []
    token = ""
    while len(found) < len(large):
        asked = pb.ListRejectedEventsRequest(page_size=1000, page_token=token)
        page = backend.call("ListRejectedEvents", asked)
        found += [one.event_id for one in page.rejected_events]
        token = page.next_page_token
        assert bool(token) == (len(found) < len(large))
    assert set(found) == {one.event_id for one in large}
