"""A journey as a picture: right without colour, and never wider than there is room."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from footfall.journey.v1 import journey_pb2 as j
from footfall.journey.v1.tracking_pb2 import GetClientJourneyResponse
from services.cli.journey.timeline import NEGATIVE, OVERDUE, UNUSUAL, Axis, Timeline, marks
from tests.drawing import at, drawn, happened, spent, visit

JOURNEY = GetClientJourneyResponse(
    stages=[
        visit(j.STAGE_LEAD, 100, 80),
        visit(j.STAGE_ACTIVE_PROJECT, 80, 40),
        visit(j.STAGE_AWAITING_FEEDBACK, 40, 35),
        visit(j.STAGE_ACTIVE_PROJECT, 35),
    ],
    time_in_stages=[
        spent(j.STAGE_LEAD, 20),
        spent(j.STAGE_ACTIVE_PROJECT, 75, visits=2),
        spent(j.STAGE_AWAITING_FEEDBACK, 5),
    ],
    events=[
        happened(100, "hello"),
        happened(80, "kick_off", unusual=True),
        happened(60, "milestone_reached"),
        happened(50, "invoice_overdue", invoice_id="1"),
        happened(45, "invoice_paid", invoice_id="1"),
        happened(20, "support_ticket_opened"),
        happened(10, sentiment="negative"),
    ],
    total_events=7,
    as_of=at(0),
)


def test_stages_lie_over_time_and_below_them_what_happened() -> None:
    assert drawn(Timeline(JOURNEY), 87) == [
        "                  2025-11-29                    2026-03-09",
        "lead              ████████                                 20 days",
        "active project            ████████████████  █████████████▶ 75 days, 2 visits, now",
        "awaiting feedback                         ██               5 days",
        "events            █       █       █   █ █         █   █    7",
        "milestones                        ◆                        1 reached ◆",
        "invoices                              ✗ ✓                  1 overdue ✗, 1 paid ✓",
        "sentiment                                             -    1 negative -",
        "tickets                                           ▲        1 opened ▲",
        "moves                     ?                                1 unusual ?",
    ]


def test_a_client_of_whom_nothing_happened_is_just_there() -> None:
    alone = GetClientJourneyResponse(
        stages=[visit(j.STAGE_LEAD, 0)], time_in_stages=[spent(j.STAGE_LEAD, 0)], as_of=at(0)
    )
    assert drawn(Timeline(alone))[1].split() == ["lead", "▶", "0", "seconds,", "now"]


def test_a_client_of_which_no_event_said_a_stage_is_where_it_is() -> None:
    told = GetClientJourneyResponse(
        current_stage=j.STAGE_LEAD, stage_since=at(0.5), events=[happened(0.25)], as_of=at(0)
    )
    dates, lead, *_ = drawn(Timeline(told))
    assert dates.split() == ["00:00", "UTC", "06:00", "UTC", "12:00", "UTC"]
    assert lead.split()[1].startswith("█████")
    assert lead.endswith("▶ now")


def test_what_is_not_shown_is_said() -> None:
    first = GetClientJourneyResponse()
    first.CopyFrom(JOURNEY)
    first.next_page_token, first.total_events = "more", 5000
    assert any(line.endswith("5,000, the first 7 shown") for line in drawn(Timeline(first)))


def test_where_several_fall_on_one_place_the_worse_one_is_seen() -> None:
    journey = GetClientJourneyResponse(
        stages=[visit(j.STAGE_LEAD, 100)],
        events=[happened(1, "invoice_paid"), happened(1, "invoice_overdue"), happened(100)],
        as_of=at(0),
    )
    invoices = next(line for line in drawn(Timeline(journey)) if line.startswith("invoices"))
    assert invoices.split()[1] == "✗"
    assert invoices.endswith("1 overdue ✗, 1 paid ✓")


def test_an_event_is_marked_for_all_that_it_means() -> None:
    one = happened(1, "invoice_overdue", sentiment="negative").event
    assert list(marks(one, unusual=True)) == [OVERDUE, NEGATIVE, UNUSUAL]
    assert list(marks(happened(1, sentiment="mixed").event, unusual=False)) == []
    assert list(marks(happened(1, sentiment=3).event, unusual=False)) == []


@given(st.integers(0, 2**31), st.integers(0, 2**31), st.integers(1, 200), st.integers(0, 2**32))
def test_every_moment_has_a_place(begin: int, span: int, columns: int, moment: int) -> None:
    axis = Axis(begin, begin + span, columns)
    assert 0 <= axis.column(moment) < columns
    assert axis.column(begin) == 0


@given(st.integers(20, 200))
def test_it_is_never_wider_than_there_is_room(width: int) -> None:
    assert drawn(Timeline(JOURNEY), width)[1].startswith("lead")
