"""Sessions and pages by a clock of numbers."""

from __future__ import annotations

from footfall.events.v1.event_pb2 import Event
from footfall_client.visits import IDLE_SECONDS, PageLeft, Visits


def marked(
    visits: Visits, now: float, *, user_id: str = "", session_id: str = "", name: str = "login"
) -> Event:
    event = Event(user_id=user_id, session_id=session_id, type=name)
    visits.mark(event, now, sessions=True)
    return event


def test_a_session_is_renewed_after_thirty_idle_minutes_and_not_before() -> None:
    visits = Visits()
    first = visits.session_id("u", 0.0)
    assert visits.session_id("u", IDLE_SECONDS - 1) == first
    assert visits.session_id("u", 2 * IDLE_SECONDS - 2) == first
    assert visits.session_id("u", 3 * IDLE_SECONDS - 2) != first


def test_users_and_the_process_have_sessions_of_their_own() -> None:
    visits = Visits()
    assert len({visits.session_id(user, 0.0) for user in ("", "u", "v")}) == 3


def test_a_session_id_that_is_given_stays() -> None:
    assert marked(Visits(), 0.0, session_id="mine").session_id == "mine"


def test_a_logout_belongs_to_the_session_that_it_ends() -> None:
    visits = Visits()
    first = marked(visits, 0.0, user_id="u").session_id
    assert marked(visits, 1.0, user_id="u", name="logout").session_id == first
    assert marked(visits, 2.0, user_id="u").session_id != first


def test_events_carry_the_page_and_the_time_on_it() -> None:
    visits = Visits()
    assert visits.turn_to("u", "/a", 0.0) is None
    event = marked(visits, 1.5, user_id="u")
    assert (event.context.url, event.context.time_on_page_ms) == ("/a", 1500)
    assert visits.turn_to("u", "/b", 2.0) == PageLeft("/a", 2000)
    assert marked(visits, 2.0, user_id="v").context.url == ""


def test_without_the_option_nobody_gets_a_session() -> None:
    event = Event(user_id="u")
    Visits().mark(event, 0.0, sessions=False)
    assert event == Event(user_id="u")


def test_an_idle_page_is_forgotten() -> None:
    visits = Visits()
    visits.turn_to("u", "/a", 0.0)
    assert visits.turn_to("u", "/b", IDLE_SECONDS) is None


def test_the_users_longest_unseen_are_forgotten_first() -> None:
    visits = Visits(limit=2)
    first = visits.session_id("a", 0.0)
    visits.session_id("b", 0.0)
    visits.session_id("a", 1.0)
    visits.session_id("c", 1.0)
    assert visits.session_id("a", 2.0) == first
