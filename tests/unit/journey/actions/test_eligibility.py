"""Who may be reached when: caps, cooldowns, and quiet hours where clocks are changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.journey.actions.rules.eligibility import (
    Reach,
    Reason,
    Withheld,
    withheld,
    withheld_from,
)
from services.journey.journeys.rules.settings import ACTIONS, Cap, JourneySettings, QuietHours
from services.journey.journeys.rules.standing import Contact
from services.journey.journeys.rules.vocabulary import (
    DAY,
    SECOND,
    Action,
    Channel,
    Micros,
    Outcome,
)

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
EMAIL, VOICE = Action.EMAIL_OUTREACH, Action.SEND_VOICE_MESSAGE
PERSON = Action.CONCIERGE_PERSONAL_INTERVENTION
BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")


def at(text: str) -> Micros:
    """A moment; UTC when it does not say otherwise."""
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


NOW = at("2026-11-21 12:00")


def reach(
    *contacts: Contact, zone: ZoneInfo = UTC_ZONE, do_not_contact: bool = False, **settings: object
) -> Reach:
    return Reach(replace(JourneySettings(), **settings), zone, do_not_contact, contacts)  # type: ignore[arg-type]


def contact(ago: Micros, action: Action = EMAIL, outcome: Outcome = Outcome.ACCEPTED) -> Contact:
    return Contact(action, outcome, NOW - ago)


def night(begin: str, end: str) -> QuietHours:
    minutes = [int(text[:2]) * 60 + int(text[3:]) for text in (begin, end)]
    return QuietHours(*minutes)


def test_by_default_everything_is_permitted_at_any_hour() -> None:
    for action in Action:
        for hour in range(24):
            assert withheld(action, reach(), NOW + hour * HOUR) is None
        assert withheld_from(action, reach(), NOW) is None


def test_who_wants_no_contact_is_reached_by_nothing() -> None:
    for action in Action:
        assert withheld(action, reach(do_not_contact=True), NOW) == Withheld(
            action, Reason.DO_NOT_CONTACT, None
        )


def test_what_is_switched_off_is_not_recommended_to_anybody() -> None:
    actions = {**ACTIONS, EMAIL: replace(ACTIONS[EMAIL], enabled=False)}
    for unwilling in (False, True):
        found = withheld(EMAIL, reach(do_not_contact=unwilling, actions=actions), NOW)
        assert found == Withheld(EMAIL, Reason.DISABLED, None)
    assert withheld(VOICE, reach(actions=actions), NOW) is None


@pytest.mark.parametrize("outcome", list(Outcome))
def test_only_a_rejection_is_followed_by_a_rest(outcome: Outcome) -> None:
    found = withheld(EMAIL, reach(contact(DAY, outcome=outcome)), NOW)
    rejected = outcome in {Outcome.IGNORED, Outcome.FAILED}
    assert found == (Withheld(EMAIL, Reason.COOLDOWN, NOW + 13 * DAY) if rejected else None)
    assert withheld(VOICE, reach(contact(DAY, outcome=outcome)), NOW) is None


def test_a_rest_ends_after_its_days_to_the_microsecond() -> None:
    def rejected(ago: Micros) -> Reach:
        return reach(contact(ago, outcome=Outcome.IGNORED))

    assert withheld(EMAIL, rejected(14 * DAY), NOW) is None
    assert withheld(EMAIL, rejected(14 * DAY - 1), NOW) == Withheld(EMAIL, Reason.COOLDOWN, NOW + 1)


def test_success_after_a_rejection_does_not_end_the_rest() -> None:
    since = reach(contact(DAY), contact(3 * DAY, outcome=Outcome.FAILED))
    assert withheld(EMAIL, since, NOW) == Withheld(EMAIL, Reason.COOLDOWN, NOW + 11 * DAY)


def test_of_two_rejections_the_last_counts() -> None:
    twice = reach(contact(DAY, outcome=Outcome.IGNORED), contact(9 * DAY, outcome=Outcome.IGNORED))
    assert withheld(EMAIL, twice, NOW) == Withheld(EMAIL, Reason.COOLDOWN, NOW + 13 * DAY)


def test_without_days_there_is_no_rest() -> None:
    rejected = reach(contact(0, outcome=Outcome.IGNORED), cooldown_days=0)
    assert withheld(EMAIL, rejected, NOW) is None


TWO_A_WEEK = (Cap(Channel.EMAIL, 2, 7),)


def test_a_cap_is_reached_with_the_last_contact_that_it_allows() -> None:
    assert withheld(EMAIL, reach(contact(DAY), caps=TWO_A_WEEK), NOW) is None
    twice = reach(contact(DAY), contact(2 * DAY), caps=TWO_A_WEEK)
    assert withheld(EMAIL, twice, NOW) == Withheld(EMAIL, Reason.CAP, NOW + 5 * DAY)
    assert withheld(VOICE, twice, NOW) is None


def test_a_contact_as_old_as_the_days_of_a_cap_counts_no_more() -> None:
    assert withheld(EMAIL, reach(contact(0), contact(7 * DAY), caps=TWO_A_WEEK), NOW) is None
    held = withheld(EMAIL, reach(contact(0), contact(7 * DAY - 1), caps=TWO_A_WEEK), NOW)
    assert held == Withheld(EMAIL, Reason.CAP, NOW + 1)


def test_a_cap_beyond_its_number_waits_for_the_one_that_makes_room() -> None:
    thrice = reach(contact(DAY), contact(2 * DAY), contact(3 * DAY), caps=TWO_A_WEEK)
    assert withheld(EMAIL, thrice, NOW) == Withheld(EMAIL, Reason.CAP, NOW + 5 * DAY)


def test_a_cap_counts_all_actions_of_its_channel() -> None:
    survey = Action.TRIGGER_SATISFACTION_SURVEY  # which is an e-mail too
    both = reach(contact(DAY, survey), contact(2 * DAY), caps=TWO_A_WEEK)
    for action in (EMAIL, survey):
        assert withheld(action, both, NOW) == Withheld(action, Reason.CAP, NOW + 5 * DAY)


def test_a_cap_without_a_channel_counts_them_all_together() -> None:
    capped = reach(contact(DAY, VOICE), contact(2 * DAY, PERSON), caps=(Cap(None, 2, 7),))
    for action in Action:
        assert withheld(action, capped, NOW) == Withheld(action, Reason.CAP, NOW + 5 * DAY)


def test_of_several_caps_the_one_that_lasts_longest_says_until_when() -> None:
    caps = (Cap(Channel.EMAIL, 1, 2), Cap(None, 1, 30))
    found = withheld(EMAIL, reach(contact(DAY), caps=caps), NOW)
    assert found == Withheld(EMAIL, Reason.CAP, NOW + 29 * DAY)


def test_quiet_hours_concern_email_and_voice_alone() -> None:
    quiet = reach(quiet_hours=night("00:00", "23:59"))
    held = {action for action in Action if withheld(action, quiet, NOW) is not None}
    assert held == {EMAIL, VOICE, Action.TRIGGER_SATISFACTION_SURVEY}


def test_equal_minutes_mean_no_quiet_hours() -> None:
    for minute in (0, 600, 1439):
        calm = reach(quiet_hours=QuietHours(minute, minute))
        for hour in range(24):
            assert withheld(EMAIL, calm, NOW + hour * HOUR) is None
        assert withheld_from(EMAIL, calm, NOW) is None


OVER_MIDNIGHT = night("22:00", "07:00")


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-21 21:59:59.999999", None),
        ("2026-11-21 22:00", "2026-11-22 07:00"),
        ("2026-11-21 23:59", "2026-11-22 07:00"),
        ("2026-11-22 00:00", "2026-11-22 07:00"),
        ("2026-11-22 06:59:59.999999", "2026-11-22 07:00"),
        ("2026-11-22 07:00", None),
        ("2026-12-31 23:00", "2027-01-01 07:00"),
    ],
)
def test_quiet_hours_reach_over_midnight(now: str, until: str | None) -> None:
    found = withheld(VOICE, reach(quiet_hours=OVER_MIDNIGHT), at(now))
    assert found == (None if until is None else Withheld(VOICE, Reason.QUIET_HOURS, at(until)))


def test_quiet_hours_are_those_of_the_clients_wall() -> None:
    berlin, los_angeles = (
        reach(zone=zone, quiet_hours=OVER_MIDNIGHT)
        for zone in (BERLIN, ZoneInfo("America/Los_Angeles"))
    )
    now = at("2026-07-01 20:30")  # half past ten in Berlin, half past one in Los Angeles
    assert withheld(EMAIL, berlin, now) == Withheld(
        EMAIL, Reason.QUIET_HOURS, at("2026-07-02 07:00+02:00")
    )
    assert withheld(EMAIL, los_angeles, now) is None
    assert withheld_from(EMAIL, los_angeles, now) == at("2026-07-01 22:00-07:00")


def test_quiet_hours_end_as_the_clocks_leap_over_their_end() -> None:
    quiet = reach(zone=BERLIN, quiet_hours=night("22:00", "02:30"))
    found = withheld(EMAIL, quiet, at("2026-03-29 01:59+01:00"))  # a minute later it is three
    assert found == Withheld(EMAIL, Reason.QUIET_HOURS, at("2026-03-29 03:00+02:00"))


def test_quiet_hours_begin_as_the_clocks_leap_over_their_beginning() -> None:
    quiet = reach(zone=BERLIN, quiet_hours=night("02:30", "06:00"))
    noon = at("2026-03-28 12:00+01:00")
    assert withheld(EMAIL, quiet, noon) is None
    assert withheld_from(EMAIL, quiet, noon) == at("2026-03-29 03:00+02:00")


def test_an_hour_that_is_shown_twice_is_quiet_twice() -> None:
    quiet = reach(zone=BERLIN, quiet_hours=night("01:00", "02:30"))
    first, second = at("2026-10-25 02:10+02:00"), at("2026-10-25 02:10+01:00")
    assert withheld(EMAIL, quiet, first) == Withheld(
        EMAIL, Reason.QUIET_HOURS, at("2026-10-25 02:30+02:00")
    )
    between = at("2026-10-25 02:40+02:00")
    assert withheld(EMAIL, quiet, between) is None
    assert withheld_from(EMAIL, quiet, between) == at("2026-10-25 02:00+01:00")
    assert withheld(EMAIL, quiet, second) == Withheld(
        EMAIL, Reason.QUIET_HOURS, at("2026-10-25 02:30+01:00")
    )


def test_a_rest_that_ends_by_night_lasts_until_the_morning() -> None:
    rejected = reach(
        Contact(EMAIL, Outcome.IGNORED, at("2026-11-10 23:00")), quiet_hours=OVER_MIDNIGHT
    )
    found = withheld(EMAIL, rejected, NOW)
    assert found == Withheld(EMAIL, Reason.COOLDOWN, at("2026-11-25 07:00"))


def test_a_morning_that_a_cap_still_forbids_is_not_the_end() -> None:
    capped = reach(
        Contact(EMAIL, Outcome.ACCEPTED, at("2026-11-20 12:00")),
        caps=(Cap(Channel.EMAIL, 1, 3),),
        quiet_hours=OVER_MIDNIGHT,
    )
    found = withheld(EMAIL, capped, at("2026-11-21 23:00"))
    assert found == Withheld(EMAIL, Reason.CAP, at("2026-11-23 12:00"))


ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu",
     "America/Santiago", "Africa/Casablanca", "Pacific/Chatham"]
).map(ZoneInfo)  # fmt: skip
MINUTES = st.integers(min_value=0, max_value=1439)
MOMENTS = st.one_of(
    st.integers(at("2026-01-01") // MINUTE, at("2027-12-31") // MINUTE),
    # Around the nights in which clocks are changed somewhere.
    *(
        st.integers(at(day) // MINUTE - 24 * 60, at(day) // MINUTE + 48 * 60)
        for day in ("2026-03-08", "2026-03-29", "2026-04-05", "2026-10-25", "2026-11-01")
    ),
).map(lambda minute: minute * MINUTE)


@given(ZONES, MINUTES, MINUTES, MOMENTS)
def test_quiet_hours_end_and_begin_at_the_first_minute_that_the_wall_says(
    zone: ZoneInfo, begin: int, end: int, now: Micros
) -> None:
    assume(begin != end)

    def quiet(moment: Micros) -> bool:
        wall = datetime.fromtimestamp(moment / 1_000_000, zone)
        minute = wall.hour * 60 + wall.minute
        inside = min(begin, end) <= minute < max(begin, end)
        return inside if begin < end else not inside

    by_night = reach(zone=zone, quiet_hours=QuietHours(begin, end))
    expected = next(
        moment
        for moment in range(now + MINUTE, now + 3 * DAY, MINUTE)
        if quiet(moment) != quiet(now)
    )
    found = withheld(EMAIL, by_night, now)
    if quiet(now):
        assert found == Withheld(EMAIL, Reason.QUIET_HOURS, expected)
    else:
        assert found is None
        assert withheld_from(EMAIL, by_night, now) == expected


CONTACTS = st.lists(
    st.builds(
        contact,
        st.integers(min_value=0, max_value=400 * 24).map(lambda hours: hours * HOUR),
        st.sampled_from(Action),
        st.sampled_from(Outcome),
    ),
    max_size=12,
).map(lambda found: sorted(found, key=lambda one: -one.at))
CAPS = st.lists(
    st.builds(
        Cap,
        st.one_of(st.none(), st.sampled_from(Channel)),
        st.integers(min_value=1, max_value=4),
        st.integers(min_value=1, max_value=60),
    ),
    max_size=3,
).map(tuple)


@given(CONTACTS, CAPS, MINUTES, MINUTES, st.sampled_from(Action))
def test_until_is_the_first_moment_at_which_an_action_is_permitted(
    contacts: list[Contact], caps: tuple[Cap, ...], begin: int, end: int, action: Action
) -> None:
    held = reach(*contacts, zone=BERLIN, caps=caps, quiet_hours=QuietHours(begin, end))
    found = withheld(action, held, NOW)
    if found is None:
        return
    assert found.until is not None
    assert withheld(action, held, found.until) is None
    assert withheld(action, held, found.until - 1) is not None
