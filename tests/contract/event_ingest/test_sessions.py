"""GetSession and ListSessions: what is told, to whom, and page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
import pytest
from google.type.interval_pb2 import Interval

from footfall.events.v1 import event_ingest_pb2 as pb
from services.event_ingest.sessions.usecases import fold
from shared.database import Database
from tests.ingesting import Caller, Ingest, at, event, refusal
from tests.organisations import Organisation

HOUR = 3600.0


async def follow(organisation: Organisation) -> None:
    """What the worker does, at once."""
    url = organisation.database.urls["footfall_event_ingest"]
    database = Database(url, application_name="test")
    await database.open()
    while await fold(database, organisation.org_id):
        pass
    await database.close()


@pytest.fixture
async def visits(backend: Caller, acme: Organisation) -> list[str]:
    """A visit every other hour, of three users in turn; their names, the latest first."""
    users = [("mia", "milo", "olga")[number % 3] for number in range(20)]
    for number, user in enumerate(users):
        ago = (2 * number + 1) * HOUR
        moments = (at(ago), at(ago - 60))
        assert set(
            backend.verdicts(*(event(user_id=user, occurred_at=moment) for moment in moments))
        ) == {"ACCEPTED"}
    await follow(acme)
    return users


def listed(caller: Caller, **request: Any) -> Sequence[pb.Session]:
    """All sessions that match, page by page."""
    found: list[pb.Session] = []
    token = ""
    while True:
        page = caller.call("ListSessions", pb.ListSessionsRequest(page_token=token, **request))
        found += page.sessions
        token = page.next_page_token
        if not token:
            return found


def got(caller: Caller, session_key: str) -> pb.Session:
    request = pb.GetSessionRequest(session_key=session_key)
    session: pb.Session = caller.call("GetSession", request).session
    return session


async def test_a_session_is_told_in_full(backend: Caller, acme: Organisation) -> None:
    context = {"browser": "Firefox", "os": "Linux", "device_type": "desktop", "referrer": "news"}
    first, last = at(100), at(40)
    backend.ingest(
        event(user_id="mia", session_id="tab", occurred_at=first, context=context, feature="map"),
        event(
            "export_action", user_id="mia", session_id="tab", occurred_at=at(90), feature="report"
        ),
        event("page_view", user_id="mia", session_id="tab", occurred_at=at(80), feature="report"),
        event(
            "competency_milestone",
            user_id="mia",
            session_id="tab",
            occurred_at=at(70),
            properties_json='{"competency_points": 40}',
        ),
        event("logout", user_id="mia", session_id="tab", occurred_at=last),
    )
    await follow(acme)
    (session,) = listed(backend)
    assert session == got(backend, session.session_key)
    assert (session.user_id, session.session_id) == ("mia", "tab")
    assert (session.started_at, session.last_event_at) == (first, last)
    assert session.duration.ToTimedelta() == last.ToDatetime() - first.ToDatetime()
    assert session.end == pb.SESSION_END_LOGOUT
    assert (session.event_count, session.export_count, session.competency_points) == (5, 1, 40)
    assert (list(session.tools_accessed), session.primary_tool) == (["map", "report"], "report")
    assert {name: getattr(session, name) for name in context} == context


async def test_a_page_is_never_larger_than_clients_take(
    backend: Caller, acme: Organisation
) -> None:
    """Sessions of a hundred tools whose names are as long as they may be."""
    for user in range(100):
        sent = (
            event(
                user_id=f"u{user}", occurred_at=at(HOUR), feature=f"{tool:03}" + "\N{ROCKET}" * 125
            )
            for tool in range(105)
        )
        backend.ingest(*sent)
    await follow(acme)
    page = backend.call("ListSessions", pb.ListSessionsRequest(page_size=1000))
    assert len(page.sessions) < 100
    assert len(listed(backend, page_size=1000)) == 100
    assert {len(session.tools_accessed) for session in page.sessions} == {100}


async def test_whether_a_session_is_over_depends_on_when_one_asks(
    backend: Caller, acme: Organisation
) -> None:
    backend.ingest(
        event(user_id="mia", occurred_at=at(60)), event(user_id="milo", occurred_at=at(HOUR))
    )
    await follow(acme)
    ends = {session.user_id: session.end for session in listed(backend)}
    assert ends == {"mia": pb.SESSION_END_UNSPECIFIED, "milo": pb.SESSION_END_IDLE}


@pytest.mark.parametrize("page_size", [1, 3, 20, 0])
async def test_pages_hold_every_session_once_the_latest_first(
    backend: Caller, visits: list[str], page_size: int
) -> None:
    found = listed(backend, page_size=page_size)
    assert [session.user_id for session in found] == visits
    assert len({session.session_key for session in found}) == len(visits)


async def test_filters_narrow_by_user_and_by_start(backend: Caller, visits: list[str]) -> None:
    milo = listed(backend, user_id="milo", page_size=2)
    assert [session.user_id for session in milo] == ["milo"] * visits.count("milo")
    assert milo == [one for one in listed(backend) if one.user_id == "milo"]
    everything = listed(backend)
    interval = Interval(start_time=everything[9].started_at, end_time=everything[4].started_at)
    assert listed(backend, interval=interval, page_size=2) == everything[5:10]


async def test_a_member_sees_its_own_sessions_and_no_others(
    ingest: Ingest, backend: Caller, acme: Organisation, visits: list[str]
) -> None:
    mia = ingest.caller(acme, "mia")
    assert {session.user_id for session in listed(mia, page_size=3)} == {"mia"}
    assert len(listed(mia)) == visits.count("mia")
    assert listed(mia, user_id="milo") == []
    for session in listed(backend)[:3]:
        if session.user_id == "mia":
            assert got(mia, session.session_key) == session
        else:
            assert_not_found(mia, session.session_key)


async def test_another_organisation_finds_nothing(
    ingest: Ingest, backend: Caller, globex: Organisation, visits: list[str]
) -> None:
    stranger = ingest.caller(globex)
    assert listed(stranger) == []
    assert_not_found(stranger, listed(backend)[0].session_key)
    assert len(visits) == 20


async def test_a_session_that_a_late_event_merged_into_another_is_not_found(
    backend: Caller, acme: Organisation
) -> None:
    backend.ingest(*(event(user_id="mia", occurred_at=at(60 * ago)) for ago in (100, 60)))
    await follow(acme)
    later, earlier = listed(backend)
    backend.ingest(event(user_id="mia", occurred_at=at(60 * 80)))
    await follow(acme)
    assert [session.event_count for session in listed(backend)] == [3]
    assert got(backend, earlier.session_key).event_count == 3
    assert_not_found(backend, later.session_key)


def assert_not_found(caller: Caller, session_key: str) -> None:
    with pytest.raises(grpc.RpcError) as error:
        got(caller, session_key)
    assert refusal(error.value).code is grpc.StatusCode.NOT_FOUND
    assert refusal(error.value).reason == "NOT_FOUND"
