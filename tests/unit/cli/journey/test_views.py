"""What people read of clients, standings and events."""

from __future__ import annotations

from rich.text import Text

from footfall.journey.v1 import clients_pb2, tracking_pb2
from footfall.journey.v1 import journey_pb2 as j
from services.cli.journey import views, words
from tests.drawing import DAY, LATE, at, drawn, part, spent, visit

ODD = "[red]nw-1[/]"


def standing(client_id: str = "nw-1", name: str = "Northwind") -> clients_pb2.ClientStanding:
    return clients_pb2.ClientStanding(
        client_id=client_id, name=name, stage=j.STAGE_CHURN_RISK, stage_since=at(5), score=12.5,
        risk_level=j.RISK_LEVEL_HIGH, risks=[LATE], as_of=at(0),
    )  # fmt: skip


def test_standings_are_a_line_each_in_their_order() -> None:
    lines = drawn(views.standings([standing(), standing("al-2", "")], ""))
    assert lines[1] == (
        "high   Northwind (nw-1)   12.5  █▎          churn risk  2026-03-04  late invoices"
    )
    assert lines[2].split()[1] == "al-2"
    assert drawn(views.standings([], "Nobody is at risk.")) == ["Nobody is at risk."]


def test_a_change_is_a_line() -> None:
    assert drawn(views.changed(standing())) == [
        "2026-03-09 12:00 UTC  Northwind (nw-1): churn risk, score 12.5, level high; late invoices"
    ]


def test_a_client_is_shown_with_what_is_kept_and_where_it_stands() -> None:
    client = clients_pb2.Client(
        client_id="nw-1", name="Northwind", tags=["vip", "eu"], do_not_contact=True,
        created_at=at(30), updated_at=at(2),
    )  # fmt: skip
    lines = drawn(views.client(clients_pb2.GetClientResponse(client=client, standing=standing())))
    assert lines == [
        "Northwind (nw-1)",
        "ai score     none, counts as 50",
        "tags         vip, eu",
        "contact      wants none",
        "known since  2026-02-07 12:00 UTC",
        "changed      2026-03-07 12:00 UTC",
        "stands in churn risk since 2026-03-04, score 12.5 of 100, level high",
        "! late invoices",
        "  1 invoice overdue and not paid",
        "  clears with: invoice_paid for each invoice that is overdue",
    ]


def test_an_ai_score_of_0_is_not_none() -> None:
    zero = clients_pb2.Client(client_id="z", ai_score=0)
    assert drawn(views.clients([zero, clients_pb2.Client(client_id="n")]))[1].split() == ["z", "0"]
    assert drawn(views.clients([clients_pb2.Client(client_id="n")]))[1].split() == ["n", "-"]


def test_a_journey_has_its_picture_its_score_and_its_risks() -> None:
    told = tracking_pb2.GetClientJourneyResponse(
        current_stage=j.STAGE_BILLING, stage_since=at(9), stages=[visit(j.STAGE_BILLING, 9)],
        time_in_stages=[spent(j.STAGE_BILLING, 9)], as_of=at(0),
        score_details=j.Score(score=65, contributions=[part("base", 50), part("stage", 25)],
                              risk_level=j.RISK_LEVEL_LOW, risks=[LATE]),
    )  # fmt: skip
    lines = drawn(views.journey(told, "nw-1"))
    assert lines[:2] == [
        "nw-1  as of 2026-03-09 12:00 UTC",
        "in billing since 2026-02-28, level low",
    ]
    assert "! late invoices" in lines
    assert lines[-1] == f"{views.UNKNOWN_USE}: low feature usage cannot be found"
    told.score_details.signals_available = True
    assert views.UNKNOWN_USE not in "".join(drawn(views.journey(told, "nw-1")))


def test_a_style_is_of_its_own_words_alone() -> None:
    """The style of a whole line would colour what follows in it too."""
    told = tracking_pb2.TrackJourneyEventResponse(event_id="e-1")
    lines = [views.changed(standing()), views.tracked(told), *views.risks([LATE])]
    assert [one.style for one in lines if isinstance(one, Text)] == ["", "", ""]


def test_names_are_shown_as_they_are_and_not_taken_for_markup() -> None:
    client = clients_pb2.Client(client_id=ODD, name=ODD, owner=ODD, tags=[ODD])
    assert "".join(drawn(views.clients([client]), 200)).count(ODD) == 4
    assert ODD in "".join(drawn(views.standings([standing(ODD, ODD)], ""), 200))
    assert drawn(views.changed(standing(ODD, ""))).pop().count(ODD) == 1


def test_an_unusual_move_is_said() -> None:
    told = tracking_pb2.TrackJourneyEventResponse(
        event_id="e-1", verdict=tracking_pb2.EVENT_VERDICT_DUPLICATE,
        current_stage=j.STAGE_LEAD, unusual=True,
    )  # fmt: skip
    assert drawn(views.tracked(told)) == [
        "duplicate  e-1",
        "the client is in lead, an unusual move",
    ]


def test_a_word_that_a_newer_service_knows_is_its_number() -> None:
    assert words.stage(99) == "99"
    assert words.names(j.RiskLevel) == ["low", "medium", "high", "critical"]
    assert words.number(j.Stage, "upsell_candidate") == j.STAGE_UPSELL_CANDIDATE


def test_spans_are_told_in_the_largest_unit_of_which_there_are_some() -> None:
    told = [words.lasting(seconds) for seconds in (59, 120, 7199, 7200, 2 * DAY - 1, 2000 * DAY)]
    assert told == ["59 seconds", "2 minutes", "119 minutes", "2 hours", "47 hours", "2,000 days"]
