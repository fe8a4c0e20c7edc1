"""Who stands badly, and who is ready for more."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import grpc
import pytest

from footfall.journey.v1 import clients_pb2
from tests.ingesting import refusal
from tests.journeying import Journey, Traveller
from tests.organisations import Organisation
from tests.travels import (
    CHURN_RISK,
    CRITICAL,
    HIGH,
    LATE_INVOICES,
    LEAD,
    LOW,
    LOW_ENGAGEMENT,
    MEDIUM,
    RETENTION,
    SENTIMENT,
    UPSELL_CANDIDATE,
    happening,
    make,
    moved,
    relieved,
    track,
    troubles,
)

HIGH_RISK, UPSELL = "ListHighRiskClients", "ListUpsellCandidates"


def page(caller: Traveller, method: str, **request: Any) -> Any:
    return caller.call(method, getattr(clients_pb2, f"{method}Request")(**request))


def listed(caller: Traveller, method: str, **request: Any) -> list[clients_pb2.ClientStanding]:
    """All clients of a list, page by page."""
    found: list[clients_pb2.ClientStanding] = []
    token = ""
    while True:
        answer = page(caller, method, page_token=token, **request)
        found += answer.clients
        token = answer.next_page_token
        if not token:
            return found


def ids(clients: Sequence[clients_pb2.ClientStanding]) -> list[str]:
    return [one.client_id for one in clients]


@pytest.fixture
def many(caller: Traveller) -> Traveller:
    """Twelve clients at every level, some of equal score, of two owners."""
    for number in range(12):
        owner = "olga" if number % 3 else "adam"
        make(caller, f"c{number:02}", owner=owner, ai_score=50.0 + 10 * (number % 2))
    stages = (LEAD, RETENTION, UPSELL_CANDIDATE)
    for number in range(12):
        track(caller, *troubles(f"c{number:02}", 1 + number % 4, stages[number % 3]))
    return caller


def test_high_risk_clients_come_worst_first_and_once_each(caller: Traveller) -> None:
    make(caller, "bad", "worse", "worst", "fine", ai_score=60)
    make(caller, "bad-too", ai_score=50)
    for client_id, risks in {"bad": 3, "worse": 3, "worst": 4, "fine": 2, "bad-too": 3}.items():
        track(caller, *troubles(client_id, risks))
    shown = listed(caller, HIGH_RISK)
    assert ids(shown) == ["worst", "bad-too", "bad", "worse"]
    assert [(one.risk_level, one.score) for one in shown] == [
        (CRITICAL, 20.0), (HIGH, 20.0), (HIGH, 30.0), (HIGH, 30.0)
    ]  # fmt: skip
    worst = shown[0]
    assert (worst.name, worst.stage) == ("Worst", LEAD)
    assert {SENTIMENT, LATE_INVOICES, LOW_ENGAGEMENT} < {one.risk for one in worst.risks}
    assert all(one.evidence and one.clears_when for one in worst.risks)
    assert worst.last_event_at.seconds < worst.as_of.seconds
    assert worst.stage_since.seconds < worst.last_event_at.seconds


def test_pages_together_are_the_list_in_its_order(many: Traveller) -> None:
    everyone = listed(many, HIGH_RISK, min_risk_level=LOW)
    assert len(everyone) == 12
    ordered = sorted(everyone, key=lambda one: (-one.risk_level, one.score, one.client_id))
    assert ids(everyone) == ids(ordered)
    for size, level, owner in product((1, 2, 5), (LOW, MEDIUM, HIGH, CRITICAL), ("", "olga")):
        wanted = [
            one.client_id
            for one in ordered
            if one.risk_level >= level and (not owner or int(one.client_id[1:]) % 3)
        ]
        asked = {"min_risk_level": level, "owner": owner, "page_size": size}
        assert ids(listed(many, HIGH_RISK, **asked)) == wanted, asked


def test_upsell_candidates_are_those_who_are_there_now(many: Traveller) -> None:
    candidates = listed(many, UPSELL, page_size=2)
    assert sorted(ids(candidates)) == ["c02", "c05", "c08", "c11"]
    ordered = sorted(candidates, key=lambda one: (-one.risk_level, one.score, one.client_id))
    assert candidates == ordered
    assert ids(listed(many, UPSELL, owner="adam")) == []


def test_a_client_is_listed_by_its_current_state_only(caller: Traveller) -> None:
    make(caller, "once", "still")
    for client_id in ("once", "still"):
        moved(caller, client_id, UPSELL_CANDIDATE, days_ago=9)
        moved(caller, client_id, CHURN_RISK, days_ago=8)
        moved(caller, client_id, UPSELL_CANDIDATE, days_ago=7)
    moved(caller, "once", RETENTION, days_ago=6)
    assert ids(listed(caller, UPSELL)) == ["still"]
    assert ids(listed(caller, HIGH_RISK)) == []


def test_a_risk_that_cleared_takes_the_client_off_the_list(caller: Traveller) -> None:
    make(caller, "mia")
    track(caller, *troubles("mia", 3))
    assert ids(listed(caller, HIGH_RISK)) == ["mia"]
    track(caller, *relieved("mia"))
    assert ids(listed(caller, HIGH_RISK)) == []


def test_in_stage_churn_risk_a_client_is_high_without_any_risk(caller: Traveller) -> None:
    make(caller, "mia")
    moved(caller, "mia", CHURN_RISK)
    (shown,) = listed(caller, HIGH_RISK)
    assert (shown.client_id, shown.risk_level, len(shown.risks)) == ("mia", HIGH, 0)


def test_a_deleted_client_is_listed_no_more(caller: Traveller) -> None:
    make(caller, "mia")
    track(caller, *troubles("mia", 4, UPSELL_CANDIDATE))
    caller.call("DeleteClient", clients_pb2.DeleteClientRequest(client_id="mia"))
    assert ids(listed(caller, HIGH_RISK)) == ids(listed(caller, UPSELL)) == []


def test_nobody_sees_clients_of_a_foreign_organisation(
    journey: Journey, caller: Traveller, globex: Organisation
) -> None:
    make(caller, "mia")
    track(caller, *troubles("mia", 4, UPSELL_CANDIDATE))
    other = journey.traveller(globex)
    make(other, "mia")
    assert ids(listed(other, HIGH_RISK)) == ids(listed(other, UPSELL)) == []


def test_reading_a_list_writes_nothing(caller: Traveller, acme: Organisation) -> None:
    make(caller, "mia")
    track(caller, happening("mia", "called", 40, UPSELL_CANDIDATE))
    state = "SELECT xmin::text, ctid::text FROM app.client_states WHERE org_id = %s"
    before = acme.database.execute(state, acme.org_id)
    assert ids(listed(caller, UPSELL)) == ["mia"]
    assert acme.database.execute(state, acme.org_id) == before


@pytest.mark.parametrize("method", [HIGH_RISK, UPSELL])
def test_a_token_is_good_for_its_list_and_filter_alone(many: Traveller, method: str) -> None:
    token = page(many, method, page_size=1).next_page_token
    assert token
    for request in ({"page_token": token, "owner": "olga"}, {"page_token": f"{token}x"}):
        with pytest.raises(grpc.RpcError) as error:
            page(many, method, **request)
        assert refusal(error.value).reason == "INVALID_PAGE_TOKEN"
