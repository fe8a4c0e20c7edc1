"""UpsertClient, GetClient, ListClients and DeleteClient."""

from __future__ import annotations

import math
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from footfall.journey.v1 import clients_pb2 as pb
from tests.ingesting import at
from tests.journeying import Journey, Traveller
from tests.organisations import MEMBERS, Organisation
from tests.tracking import (
    calculated,
    delete,
    get,
    journey_of,
    listed,
    refused,
    track_one,
    upsert,
    verdicts,
)
from tests.travels import BILLING, LATE_INVOICES, LEAD, ONBOARDING, happening, moved

WHOLE: dict[str, Any] = {
    "name": "Nils Holgersson",
    "email": "nils@example.org",
    "ai_score": 70.5,
    "status": "active",
    "owner": "akka",
    "tags": ["b", "a"],
    "time_zone": "Europe/Stockholm",
    "do_not_contact": True,
    "segment": "smb",
}


class TestUpsert:
    def test_all_of_it_is_kept(self, caller: Traveller) -> None:
        answer = upsert(caller, **WHOLE)
        assert answer.created
        kept = answer.client
        assert kept == get(caller).client
        assert kept.etag
        assert kept.created_at == kept.updated_at
        for field in ("etag", "created_at", "updated_at"):
            kept.ClearField(field)
        assert kept == pb.Client(client_id="nils", **WHOLE)

    def test_it_is_replaced_as_a_whole(self, caller: Traveller) -> None:
        first = upsert(caller, **WHOLE).client
        answer = upsert(caller, name="Nils")
        assert not answer.created
        second = answer.client
        assert second.created_at == first.created_at
        assert second.updated_at.ToNanoseconds() > first.updated_at.ToNanoseconds()
        assert second.etag != first.etag
        assert second == get(caller).client
        assert (second.name, second.email, list(second.tags)) == ("Nils", "", [])
        assert not second.do_not_contact
        assert not second.HasField("ai_score")

    def test_the_same_again_changes_nothing(self, caller: Traveller) -> None:
        first = upsert(caller, **WHOLE)
        again = upsert(caller, **WHOLE)
        assert again.client == first.client
        assert not again.created

    def test_what_was_read_can_be_sent_back(self, caller: Traveller) -> None:
        read = upsert(caller, **WHOLE).client
        read.status = "paused"
        answer = caller.call("UpsertClient", pb.UpsertClientRequest(client=read))
        assert answer.client.status == "paused"
        assert answer.client.created_at == read.created_at

    def test_a_stale_etag_is_aborted(self, caller: Traveller) -> None:
        first = upsert(caller, name="one").client
        second = upsert(caller, name="two", etag=first.etag).client
        error = refused(upsert, caller, name="three", etag=first.etag)
        assert (error.code, error.reason) == (grpc.StatusCode.ABORTED, "STALE_ETAG")
        assert get(caller).client == second

    def test_an_etag_of_a_client_that_there_is_not_is_stale(self, caller: Traveller) -> None:
        first = upsert(caller).client
        delete(caller)
        assert refused(upsert, caller, etag=first.etag).code is grpc.StatusCode.ABORTED
        assert refused(get, caller).code is grpc.StatusCode.NOT_FOUND
        again = upsert(caller).client
        assert again.etag != first.etag

    def test_a_repeat_gets_the_first_answer(self, caller: Traveller) -> None:
        request_id = str(uuid.uuid4())
        first = upsert(caller, request_id=request_id, name="one")
        upsert(caller, name="two")
        assert upsert(caller, request_id=request_id, name="one") == first
        assert get(caller).client.name == "two"
        error = refused(upsert, caller, request_id=request_id, name="three")
        assert error.code is grpc.StatusCode.ALREADY_EXISTS
        assert error.reason == "REQUEST_ID_REUSED"

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"client_id": ""}, "client.client_id"),
            ({"client_id": "x" * 129}, "client.client_id"),
            ({"client_id": "a\0b"}, "client.client_id"),
            ({"ai_score": -0.1}, "client.ai_score"),
            ({"ai_score": 100.1}, "client.ai_score"),
            ({"ai_score": math.nan}, "client.ai_score"),
            ({"tags": ["a", "a"]}, "client.tags"),
            ({"tags": [""]}, "client.tags[0]"),
            ({"name": "x" * 257}, "client.name"),
            ({"time_zone": "Mars/Olympus"}, "client.time_zone"),
            ({"time_zone": "../UTC"}, "client.time_zone"),
            ({"time_zone": "America"}, "client.time_zone"),
            ({"time_zone": "localtime"}, "client.time_zone"),
            ({"time_zone": "posix/Europe/Berlin"}, "client.time_zone"),
            ({"time_zone": "right/Europe/Berlin"}, "client.time_zone"),
            ({"request_id": "one"}, "request_id"),
        ],
    )
    def test_what_is_wrong_is_named(
        self, caller: Traveller, fields: dict[str, Any], field: str
    ) -> None:
        error = refused(upsert, caller, **fields)
        assert error.code is grpc.StatusCode.INVALID_ARGUMENT
        assert field in error.violations
        assert not listed(caller)

    def test_many_at_once_make_it_once(self, journey: Journey, acme: Organisation) -> None:
        callers = [journey.traveller(acme) for _ in range(8)]
        with ThreadPoolExecutor(len(callers)) as pool:
            answers = list(
                pool.map(lambda one: upsert(one[1], name=str(one[0])), enumerate(callers))
            )
        assert [one.created for one in answers].count(True) == 1
        assert len({one.client.etag for one in answers}) == len(callers)
        last = max((one.client for one in answers), key=lambda one: one.updated_at.ToNanoseconds())
        assert get(callers[0]).client == last

    def test_what_counts_in_the_past_is_kept(self, caller: Traveller, acme: Organisation) -> None:
        upsert(caller, ai_score=10)
        upsert(caller, ai_score=10, name="no version of its own")
        upsert(caller, ai_score=10, time_zone="UTC")
        upsert(caller, time_zone="UTC")
        versions = acme.database.execute(
            "SELECT ai_score, time_zone FROM app.client_versions WHERE org_id = %s"
            " ORDER BY valid_from",
            acme.org_id,
        )
        assert versions == [(10, ""), (10, "UTC"), (None, "UTC")]


class TestStanding:
    def test_a_new_client_is_a_lead(self, caller: Traveller) -> None:
        created_at = upsert(caller, ai_score=40, name="Nils").client.created_at
        standing = get(caller).standing
        assert (standing.client_id, standing.name, standing.stage) == ("nils", "Nils", LEAD)
        assert (standing.score, standing.risk_level) == (40, 1)
        assert standing.stage_since == created_at
        assert not standing.risks
        assert not standing.HasField("last_event_at")

    def test_ai_score_0_is_not_50(self, caller: Traveller) -> None:
        upsert(caller, "zero", ai_score=0)
        upsert(caller, "none")
        assert get(caller, "zero").standing.score == 0
        assert get(caller, "none").standing.score == 50

    def test_the_score_follows_the_ai_score(self, caller: Traveller, acme: Organisation) -> None:
        upsert(caller, ai_score=40)
        moved(caller, "nils", ONBOARDING)
        upsert(caller, ai_score=60)
        kept = acme.database.execute(
            "SELECT score FROM app.client_states WHERE org_id = %s", acme.org_id
        )
        assert kept == [(70,)]
        assert get(caller).standing.score == 70

    def test_it_is_that_of_its_journey(self, caller: Traveller) -> None:
        upsert(caller)
        last = happening("nils", "invoice_overdue", 1, invoice_id="i1")
        assert verdicts(caller, happening("nils", "moved", 2, BILLING), last) == ["ACCEPTED"] * 2
        standing = get(caller).standing
        assert (standing.stage, standing.score) == (BILLING, 65)
        assert [one.risk for one in standing.risks] == [LATE_INVOICES]
        assert standing.last_event_at == last.occurred_at


class TestList:
    def test_by_client_id_page_by_page(self, caller: Traveller) -> None:
        names = ["Zoë", "a", "b-1", "b/2", "c", "10", "9"]
        for one in names:
            upsert(caller, one)
        whole = [one.client_id for one in listed(caller)]
        assert sorted(whole) == sorted(names)
        assert [one.client_id for one in listed(caller, size=2)] == whole
        assert [one.client_id for one in listed(caller, size=7)] == whole

    def test_by_stage_owner_and_tag(self, caller: Traveller) -> None:
        for number in range(6):
            owner = "akka" if number % 2 else "gorgo"
            upsert(caller, f"c{number}", owner=owner, tags=["x", f"t{number % 3}"])
        for number in (0, 1, 2):
            moved(caller, f"c{number}", ONBOARDING)
        found = {
            "stage": listed(caller, stages=[ONBOARDING]),
            "stages": listed(caller, size=4, stages=[ONBOARDING, LEAD]),
            "owner": listed(caller, size=1, owner="akka"),
            "tag": listed(caller, tag="t2"),
            "all": listed(caller, stages=[ONBOARDING], owner="gorgo", tag="x"),
            "none": listed(caller, tag="T2"),
        }
        assert {name: [one.client_id for one in clients] for name, clients in found.items()} == {
            "stage": ["c0", "c1", "c2"],
            "stages": ["c0", "c1", "c2", "c3", "c4", "c5"],
            "owner": ["c1", "c3", "c5"],
            "tag": ["c2", "c5"],
            "all": ["c0", "c2"],
            "none": [],
        }
        assert found["all"][0] == get(caller, "c0").client

    def test_a_token_belongs_to_its_filter(self, caller: Traveller) -> None:
        for one in ("a", "b"):
            upsert(caller, one)
        page = caller.call("ListClients", pb.ListClientsRequest(page_size=1))
        request = pb.ListClientsRequest(page_token=page.next_page_token, owner="akka")
        assert refused(caller.call, "ListClients", request).reason == "INVALID_PAGE_TOKEN"

    @pytest.mark.parametrize("where", [{"page_size": -1}, {"stages": [0]}, {"stages": [99]}])
    def test_what_is_wrong_is_named(self, caller: Traveller, where: dict[str, Any]) -> None:
        error = refused(caller.call, "ListClients", pb.ListClientsRequest(**where))
        assert error.code is grpc.StatusCode.INVALID_ARGUMENT
        assert next(iter(error.violations)).startswith(next(iter(where)))


class TestDelete:
    def test_nothing_of_it_is_left(self, caller: Traveller, acme: Organisation) -> None:
        upsert(caller, **WHOLE)
        upsert(caller, "other")
        sent = happening("nils", "moved", 2, ONBOARDING)
        assert verdicts(caller, sent, happening("nils", "moved", 1, BILLING)) == ["ACCEPTED"] * 2
        assert delete(caller) == 2
        for table in (
            "clients", "client_versions", "client_states", "journey_events", "stage_visits",
            "client_signals", "signal_turns", "action_outcomes",
        ):  # fmt: skip
            left = acme.database.execute(
                f"SELECT count(*) FROM app.{table} WHERE org_id = %s AND client_id = 'nils'",
                acme.org_id,
            )
            assert left == [(0,)], table
        assert [one.client_id for one in listed(caller)] == ["other"]
        assert verdicts(caller, sent) == ["REJECTED"]

    def test_made_again_it_begins_anew(self, caller: Traveller) -> None:
        upsert(caller, ai_score=10)
        sent = happening("nils", "moved", 2, ONBOARDING)
        assert verdicts(caller, sent) == ["ACCEPTED"]
        delete(caller)
        assert upsert(caller).created
        assert get(caller).standing.stage == LEAD
        assert verdicts(caller, sent) == ["ACCEPTED"]
        assert get(caller).standing.score == 60

    def test_it_is_audited(self, caller: Traveller, acme: Organisation) -> None:
        upsert(caller)
        moved(caller, "nils", ONBOARDING)
        delete(caller)
        audited = acme.database.execute(
            "SELECT action, target, actor, details FROM app.audit_entries WHERE org_id = %s",
            acme.org_id,
        )
        assert audited == [("client.delete", "nils", "backend", {"deleted_events": 1})]

    def test_a_stale_etag_is_aborted(self, caller: Traveller) -> None:
        first = upsert(caller).client
        second = upsert(caller, name="Nils").client
        assert refused(delete, caller, etag=first.etag).code is grpc.StatusCode.ABORTED
        assert get(caller).client == second
        assert delete(caller, etag=second.etag) == 0

    def test_a_repeat_gets_the_first_answer(self, caller: Traveller) -> None:
        upsert(caller)
        moved(caller, "nils", ONBOARDING)
        request_id = str(uuid.uuid4())
        assert delete(caller, request_id=request_id) == 1
        assert delete(caller, request_id=request_id) == 1
        assert refused(delete, caller).code is grpc.StatusCode.NOT_FOUND


class TestWalls:
    @pytest.mark.parametrize("subject", MEMBERS)
    def test_every_role_reads_and_writes(
        self, journey: Journey, acme: Organisation, subject: str
    ) -> None:
        caller = journey.traveller(acme, subject)
        upsert(caller)
        assert track_one(caller, happening("nils", "moved", 1, BILLING)).current_stage == BILLING
        assert journey_of(caller).current_stage == BILLING
        assert calculated(caller).score == 75
        assert [one.client_id for one in listed(caller)] == ["nils"]
        assert delete(caller) == 1

    def test_no_foreign_organisation(
        self, journey: Journey, acme: Organisation, globex: Organisation
    ) -> None:
        """A client of another organisation is as one that there is not."""
        ours, theirs = journey.traveller(acme), journey.traveller(globex)
        etag = upsert(ours, **WHOLE).client.etag
        moved(ours, "nils", ONBOARDING)
        for act in (get, journey_of, calculated, delete):
            foreign, unknown = refused(act, theirs), refused(act, theirs, "nobody")
            assert foreign == unknown
            assert (foreign.code, foreign.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
        assert refused(delete, theirs, etag=etag).code is grpc.StatusCode.NOT_FOUND
        assert verdicts(theirs, happening("nils", "moved", 1, BILLING)) == ["REJECTED"]
        assert not listed(theirs)
        assert upsert(theirs, name="another").created
        assert get(ours).client.name == WHOLE["name"]
        assert journey_of(ours, as_of=at(60)).total_events == 1

    @pytest.mark.parametrize(
        ("scope", "method", "request_"),
        [
            ("clients:write", "GetClient", pb.GetClientRequest(client_id="nils")),
            ("clients:read", "DeleteClient", pb.DeleteClientRequest(client_id="nils")),
        ],
    )
    def test_scopes_are_asked_for(
        self, journey: Journey, acme: Organisation, scope: str, method: str, request_: Any
    ) -> None:
        caller = journey.traveller(acme, scopes=[scope])
        error = refused(caller.call, method, request_)
        assert (error.code, error.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
