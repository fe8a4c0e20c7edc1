"""Actions away from the product: recorded once, listed, and walled off."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import grpc
import pytest
from google.type.money_pb2 import Money

from footfall.insights.v1 import profile_pb2
from footfall.insights.v1 import profile_requests_pb2 as pb
from tests.ingesting import Refused, refusal
from tests.insighting import Asker, Insight
from tests.organisations import Organisation

NOW = datetime.now(UTC)
CALL = profile_pb2.CUSTOMER_ACTION_KIND_CALL


def action(**fields: Any) -> profile_pb2.CustomerAction:
    return profile_pb2.CustomerAction(**{"user_id": "mia", "kind": CALL, **fields})


def record(asker: Asker, **fields: Any) -> profile_pb2.CustomerAction:
    request = pb.RecordCustomerActionRequest(action=action(**fields))
    kept: profile_pb2.CustomerAction = asker.call("RecordCustomerAction", request).action
    return kept


def refused(asker: Asker, **fields: Any) -> Refused:
    with pytest.raises(grpc.RpcError) as failed:
        record(asker, **fields)
    return refusal(failed.value)


def listed(asker: Asker, size: int = 0, **where: Any) -> list[profile_pb2.CustomerAction]:
    found, token = [], ""
    while True:
        request = pb.ListCustomerActionsRequest(page_size=size, page_token=token, **where)
        page = asker.call("ListCustomerActions", request)
        found += page.actions
        assert len(page.actions) <= (size or 50)
        token = page.next_page_token
        if not token:
            return found


class TestRecord:
    def test_all_of_it_is_kept(self, asker: Asker) -> None:
        sent = action(
            action_id=str(uuid4()),
            client_id="acme-client",
            kind=profile_pb2.CUSTOMER_ACTION_KIND_DEAL,
            outcome=profile_pb2.CUSTOMER_ACTION_OUTCOME_POSITIVE,
            competency_area="sales_execution",
            amount=Money(currency_code="EUR", units=9_223_372_036_854, nanos=775_807_000),
            note="signed — at last",
            occurred_at=NOW - timedelta(days=3, microseconds=1),
        )
        kept = asker.call(
            "RecordCustomerAction", pb.RecordCustomerActionRequest(action=sent)
        ).action
        assert kept.recorded_by == "backend"
        assert abs(kept.recorded_at.ToDatetime(UTC) - datetime.now(UTC)) < timedelta(minutes=1)
        assert listed(asker) == [kept]
        kept.ClearField("recorded_at")
        kept.ClearField("recorded_by")
        assert kept == sent

    def test_id_and_time_are_filled_in(self, asker: Asker) -> None:
        kept = record(asker)
        assert UUID(kept.action_id).version == 7
        assert kept.occurred_at == kept.recorded_at
        assert not kept.HasField("amount")

    def test_a_repeat_changes_nothing(self, asker: Asker) -> None:
        action_id = str(uuid4())
        first = record(asker, action_id=action_id, note="spoke")
        assert record(asker, action_id=action_id.upper(), note="spoke") == first
        assert (
            record(asker, action_id=action_id, note="spoke", occurred_at=first.occurred_at) == first
        )
        assert listed(asker) == [first]

    @pytest.mark.parametrize(
        "other",
        [
            {"user_id": "milo"},
            {"client_id": "acme-client"},
            {"kind": profile_pb2.CUSTOMER_ACTION_KIND_EMAIL},
            {"outcome": profile_pb2.CUSTOMER_ACTION_OUTCOME_NEGATIVE},
            {"competency_area": "sales_execution"},
            {"amount": Money(currency_code="USD", units=1)},
            {"amount": Money(currency_code="EUR", units=1, nanos=1000)},
            {"note": "other"},
            {"occurred_at": NOW - timedelta(days=2)},
            {"occurred_at": None},
        ],
    )
    def test_other_content_under_the_same_id_is_refused(
        self, asker: Asker, other: dict[str, Any]
    ) -> None:
        fields: dict[str, Any] = {
            "action_id": str(uuid4()),
            "amount": Money(currency_code="EUR", units=1),
            "occurred_at": NOW - timedelta(days=1),
        }
        first = record(asker, **fields)
        assert refused(asker, **{**fields, **other}).code is grpc.StatusCode.ALREADY_EXISTS
        assert listed(asker) == [first]

    def test_the_same_at_once_is_kept_once(self, insight: Insight, acme: Organisation) -> None:
        askers = [insight.asker(acme) for _ in range(8)]
        action_id = str(uuid4())
        with ThreadPoolExecutor(len(askers)) as pool:
            kept = list(pool.map(lambda one: record(one, action_id=action_id), askers))
        assert listed(askers[0]) == [kept[0]]
        assert all(one == kept[0] for one in kept)

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"user_id": ""}, "action.user_id"),
            ({"kind": 0}, "action.kind"),
            ({"kind": 99}, "action.kind"),
            ({"outcome": 99}, "action.outcome"),
            ({"action_id": "one"}, "action.action_id"),
            ({"user_id": "x" * 129}, "action.user_id"),
            ({"note": "x" * 2001}, "action.note"),
            ({"note": "a\0b"}, "action.note"),
            ({"client_id": "a\0b"}, "action.client_id"),
            ({"occurred_at": NOW + timedelta(hours=25)}, "action.occurred_at"),
            ({"occurred_at": datetime(1999, 12, 31, tzinfo=UTC)}, "action.occurred_at"),
            ({"amount": Money(currency_code="EUR", units=-1)}, "action.amount"),
            ({"amount": Money(currency_code="EUR", nanos=-1)}, "action.amount"),
            ({"amount": Money(currency_code="EUR", nanos=10**9)}, "action.amount"),
            ({"amount": Money(currency_code="EUR", units=2**63 - 1)}, "action.amount"),
            ({"amount": Money(currency_code="EUR", nanos=1)}, "action.amount.nanos"),
            ({"amount": Money(currency_code="eur", units=1)}, "action.amount.currency_code"),
            ({"amount": Money(units=1)}, "action.amount.currency_code"),
        ],
    )
    def test_what_cannot_be_is_refused(
        self, asker: Asker, fields: dict[str, Any], field: str
    ) -> None:
        told = refused(asker, **fields)
        assert (told.code, list(told.violations)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
        assert listed(asker) == []

    def test_a_little_ahead_is_taken(self, asker: Asker) -> None:
        ahead = NOW + timedelta(hours=23)
        assert record(asker, occurred_at=ahead).occurred_at.ToDatetime(UTC) == ahead


class TestList:
    def test_the_latest_first_page_by_page(self, asker: Asker) -> None:
        days = [3, 1, 4, 1, 5, 9, 2]
        kept = [record(asker, occurred_at=NOW - timedelta(days=day)) for day in days]
        found = listed(asker, size=2)
        assert [one.occurred_at for one in found] == sorted(
            (one.occurred_at for one in kept), key=lambda at: at.ToMicroseconds(), reverse=True
        )
        assert {one.action_id for one in found} == {one.action_id for one in kept}
        assert len(found) == len(days)
        assert listed(asker, size=7) == found

    def test_by_user_and_by_client(self, asker: Asker) -> None:
        both = record(asker, client_id="one")
        user = record(asker, user_id="mia")
        client = record(asker, user_id="", client_id="one")
        assert listed(asker, user_id="mia") == [user, both]
        assert listed(asker, client_id="one") == [client, both]
        assert listed(asker, user_id="mia", client_id="one") == [both]
        assert listed(asker, user_id="nobody") == []

    def test_a_page_of_long_notes_fits_into_a_message(self, asker: Asker) -> None:
        for _ in range(3):
            record(asker, note="\N{GRINNING FACE}" * 2000)
        assert len(listed(asker, size=1000)) == 3

    @pytest.mark.parametrize("field", ["user_id", "client_id"])
    def test_a_filter_must_be_a_text(self, asker: Asker, field: str) -> None:
        where: dict[str, Any] = {field: "a\0b"}
        with pytest.raises(grpc.RpcError) as failed:
            listed(asker, **where)
        assert list(refusal(failed.value).violations) == [field]


class TestMembers:
    def test_they_record_as_themselves(self, insight: Insight, acme: Organisation) -> None:
        mia = insight.asker(acme, "mia")
        kept = record(mia, user_id="")
        assert (kept.user_id, kept.recorded_by) == ("mia", "mia")
        assert record(mia, user_id="mia").user_id == "mia"

    def test_not_as_others(self, insight: Insight, acme: Organisation) -> None:
        told = refused(insight.asker(acme, "mia"), user_id="milo")
        assert list(told.violations) == ["action.user_id"]
        assert listed(insight.asker(acme)) == []

    def test_they_see_their_own(self, insight: Insight, acme: Organisation, asker: Asker) -> None:
        own = record(asker, client_id="one")
        others = record(asker, user_id="milo", client_id="one")
        record(asker, user_id="", client_id="one")
        mia = insight.asker(acme, "mia")
        assert listed(mia) == listed(mia, client_id="one") == [own]
        assert listed(mia, user_id="milo") == []
        told = refused(mia, action_id=others.action_id, client_id="one")
        assert told.code is grpc.StatusCode.ALREADY_EXISTS
        assert "milo" not in told.message

    def test_organisations_share_nothing(
        self, insight: Insight, globex: Organisation, asker: Asker
    ) -> None:
        kept = record(asker)
        stranger = insight.asker(globex)
        assert listed(stranger) == []
        assert record(stranger, action_id=kept.action_id, note="theirs").note == "theirs"
        assert listed(asker) == [kept]
