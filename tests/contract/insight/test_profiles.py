"""Behaviour profiles, asked for right after the events that they are made of."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from footfall.insights.v1 import profile_pb2
from footfall.insights.v1 import profile_requests_pb2 as pb
from tests.ingesting import Caller, Ingest, Refused, event, refusal
from tests.insighting import Asker, Insight
from tests.organisations import Organisation
from tests.profiling import AREAS

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
"""Of a day that is over, so that no midnight comes between an event and the question."""


def days_ago(days: float) -> datetime:
    return NOON - timedelta(days=days)


def profile_of(asker: Asker, user_id: str = "mia", as_of: Any = NOON) -> Any:
    request = pb.GetBehaviourProfileRequest(user_id=user_id, as_of=as_of)
    return asker.call("GetBehaviourProfile", request).profile


def refused(asker: Asker, user_id: str = "mia", as_of: Any = None) -> Refused:
    with pytest.raises(grpc.RpcError) as failed:
        profile_of(asker, user_id, as_of)
    return refusal(failed.value)


def listed(asker: Asker, size: int = 0) -> list[list[str]]:
    """Users, page by page."""
    pages, token = [], ""
    while True:
        request = pb.ListBehaviourProfilesRequest(page_size=size, page_token=token)
        page = asker.call("ListBehaviourProfiles", request)
        pages.append([one.user_id for one in page.profiles])
        token = page.next_page_token
        if not token:
            return pages


def used(days: float, kind: str = "feature_used", **fields: Any) -> Any:
    return event(kind, occurred_at=days_ago(days), **{"user_id": "mia", **fields})


def store(backend: Caller, *events: Any) -> None:
    assert set(backend.verdicts(*events)) == {"ACCEPTED"}


def record(asker: Asker, days: float = 0, **fields: Any) -> None:
    told: dict[str, Any] = {
        "user_id": "mia",
        "kind": profile_pb2.CUSTOMER_ACTION_KIND_CALL,
        "occurred_at": days_ago(days),
        **fields,
    }
    action = profile_pb2.CustomerAction(**told)
    asker.call("RecordCustomerAction", pb.RecordCustomerActionRequest(action=action))


class TestWhatItSays:
    def test_it_is_current_when_an_event_is_acknowledged(
        self, backend: Caller, asker: Asker
    ) -> None:
        for count in range(1, 6):
            store(backend, event("feature_used", user_id="mia"))
            assert profile_of(asker, as_of=None).totals.events == count

    def test_totals_count_everything_of_its_kind(self, backend: Caller, asker: Asker) -> None:
        store(
            backend,
            used(300),
            used(2, "tool_usage"),
            used(2, "export_action"),
            used(1, "resource_generation"),
            used(1, "report_generated"),
            used(0, "competency_milestone", properties_json='{"competency_points": 15}'),
            used(0, user_id="milo"),
        )
        record(asker)
        assert profile_of(asker).totals == profile_pb2.ProfileTotals(
            events=6,
            tool_sessions=2,
            exports=1,
            resources=2,
            milestones=1,
            competency_points=15,
            high_impact=4,
            active_days=4,
            offline_actions=1,
        )

    def test_scores_by_hand(self, backend: Caller, asker: Asker) -> None:
        """Two exports on this day; a milestone of 15 points, and a good call, four weeks before."""
        store(
            backend,
            *[used(0, "export_action", competency_area="sales_execution") for _ in range(2)],
            used(
                28,
                "competency_milestone",
                competency_area="value_communication",
                properties_json='{"competency_points": 15}',
            ),
        )
        record(
            asker,
            28,
            outcome="CUSTOMER_ACTION_OUTCOME_POSITIVE",
            competency_area="customer_intelligence",
        )
        profile = profile_of(asker)
        customers, value, sales = 100 * 3 / 43, 100 * 9 / 49, 100 * 6 / 46
        found = profile.competencies
        assert found.customer_intelligence == pytest.approx(customers)
        assert found.value_communication == pytest.approx(value)
        assert found.sales_execution == pytest.approx(sales)
        assert found.systematic_optimization == 0
        breadth = (customers + value + sales) / 4
        activity, achievement = 100 * 15 / 135, 100 * 3.5 / 23.5
        now = 0.4 * activity + 0.25 * 5 + 0.15 * breadth + 0.2 * achievement
        assert profile.scaling_score == pytest.approx(now)
        breadth = (100 * 6 / 46 + 100 * 18 / 58) / 4
        before = 40 * 10 / 130 + 0.25 * 5 + 0.15 * breadth + 20 * 3 / 23
        assert profile.progression_rate == pytest.approx((now - before) / 4)
        assert profile.as_of.ToDatetime(UTC) == NOON
        assert profile.last_activity_at.ToDatetime(UTC) == NOON
        assert profile.days_since_last_activity == 0
        assert (profile.sufficient, profile.missing) == (False, "active_days: 2 of 3")

    def test_trend_risks_and_next_actions(self, backend: Caller, asker: Asker) -> None:
        store(
            backend,
            *[used(30, "export_action") for _ in range(4)],
            *[used(days) for days in (2, 2.2, 3) for _ in range(7)],
        )
        profile = profile_of(asker)
        assert profile.credibility_trend == profile_pb2.CREDIBILITY_TREND_DECLINING
        assert [one.name for one in profile.risk_factors] == [
            "inconsistent_system_usage",
            "low_business_impact_actions",
        ]
        actions = [one.action for one in profile.next_actions]
        assert actions[:2] == ["resume_regular_use", "raise_business_impact"]
        assert len(actions) == 5
        assert all(one.reason for one in (*profile.risk_factors, *profile.next_actions))
        assert (profile.sufficient, profile.missing) == (True, "")
        assert profile.days_since_last_activity == 2

    def test_actions_away_from_the_product_count(self, asker: Asker) -> None:
        record(asker, 3, outcome="CUSTOMER_ACTION_OUTCOME_POSITIVE")
        before = profile_of(asker)
        assert before.totals.offline_actions == 1
        assert before.scaling_score == pytest.approx(
            40 * 5 * 0.5 ** (3 / 28) / (120 + 5 * 0.5 ** (3 / 28))
        )
        assert not before.HasField("last_activity_at")
        assert not before.HasField("days_since_last_activity")
        for _ in range(3):
            record(asker, 0, outcome="CUSTOMER_ACTION_OUTCOME_POSITIVE")
        after = profile_of(asker)
        assert after.scaling_score > before.scaling_score
        assert after.credibility_trend == profile_pb2.CREDIBILITY_TREND_IMPROVING

    def test_an_action_of_a_client_alone_is_nobodys(self, asker: Asker) -> None:
        record(asker, user_id="", client_id="acme-client")
        assert refused(asker).code is grpc.StatusCode.NOT_FOUND


class TestAsOf:
    def test_it_tells_of_the_day_asked_for(self, backend: Caller, asker: Asker) -> None:
        store(backend, used(60), used(30), used(29), used(1))
        record(asker, 10)
        for days, events, actions in (
            (70, None, None),
            (60, 1, 0),
            (29, 3, 0),
            (10, 3, 1),
            (0, 4, 1),
        ):
            if events is None:
                assert refused(asker, as_of=days_ago(days)).code is grpc.StatusCode.NOT_FOUND
                continue
            totals = profile_of(asker, as_of=days_ago(days)).totals
            assert (totals.events, totals.offline_actions) == (events, actions)

    def test_the_rate_is_the_way_from_the_score_of_four_weeks_before(
        self, backend: Caller, asker: Asker
    ) -> None:
        store(backend, *[used(days, "export_action") for days in (70, 40, 29, 28, 10, 2, 0)])
        now, before = profile_of(asker), profile_of(asker, as_of=days_ago(28))
        rate = (now.scaling_score - before.scaling_score) / 4
        assert now.progression_rate == pytest.approx(rate)

    def test_idle_time_lowers_the_score_day_by_day(self, backend: Caller, asker: Asker) -> None:
        store(backend, *[used(days, "export_action") for days in (40, 40, 38)])
        scores = [
            profile_of(asker, as_of=days_ago(days)).scaling_score for days in range(38, -1, -2)
        ]
        assert all(later < sooner for sooner, later in itertools.pairwise(scores))

    def test_days_are_those_of_the_organisation(
        self, ingest: Ingest, insight: Insight, acme: Organisation
    ) -> None:
        zone = ZoneInfo("Pacific/Auckland")
        acme.set("time_zone", zone.key)
        midnight = (NOON - timedelta(days=3)).astimezone(zone).replace(hour=0, minute=0)
        backend, asker = ingest.caller(acme), insight.asker(acme)
        for minutes in (-1, 0):
            moment = midnight + timedelta(minutes=minutes)
            store(backend, event(user_id="mia", occurred_at=moment.astimezone(UTC)))
        assert profile_of(asker).totals.active_days == 2
        just_before = (midnight - timedelta(seconds=1)).astimezone(UTC)
        assert profile_of(asker, as_of=just_before).totals.events == 1

    def test_the_future_is_not_known(self, asker: Asker) -> None:
        told = refused(asker, as_of=datetime.now(UTC) + timedelta(hours=1))
        assert told.code is grpc.StatusCode.INVALID_ARGUMENT
        assert "as_of" in told.violations

    def test_a_time_must_be_one(self, asker: Asker) -> None:
        told = refused(asker, as_of=Timestamp(seconds=2**60))
        assert told.code is grpc.StatusCode.INVALID_ARGUMENT
        assert "as_of" in told.violations


class TestWhoMayAsk:
    @pytest.mark.parametrize("subject", ["olga", "adam", "backend"])
    def test_owner_admin_and_service_see_all(
        self, backend: Caller, insight: Insight, acme: Organisation, subject: str
    ) -> None:
        store(backend, used(0), used(0, user_id="milo"))
        asker = insight.asker(acme, subject)
        assert profile_of(asker, "milo").totals.events == 1
        assert listed(asker) == [["mia", "milo"]]

    def test_a_member_sees_its_own_only(
        self, backend: Caller, insight: Insight, acme: Organisation
    ) -> None:
        store(backend, used(0), used(0, user_id="milo"))
        mia = insight.asker(acme, "mia")
        assert profile_of(mia).totals.events == 1
        assert refused(mia, "milo").code is grpc.StatusCode.NOT_FOUND
        assert listed(mia) == [["mia"]]

    def test_another_organisation_sees_nothing(
        self, backend: Caller, insight: Insight, globex: Organisation
    ) -> None:
        store(backend, used(0))
        stranger = insight.asker(globex)
        assert refused(stranger).code is grpc.StatusCode.NOT_FOUND
        assert listed(stranger) == [[]]

    @pytest.mark.parametrize("user_id", ["nobody", "Mia", "'; --"])
    def test_nothing_is_known_of_others(self, backend: Caller, asker: Asker, user_id: str) -> None:
        store(backend, used(0))
        assert refused(asker, user_id).code is grpc.StatusCode.NOT_FOUND

    @pytest.mark.parametrize("user_id", ["", "a\0b", "x" * 129])
    def test_a_user_must_be_named(self, asker: Asker, user_id: str) -> None:
        assert list(refused(asker, user_id).violations) == ["user_id"]


class TestList:
    def test_pages_hold_every_user_once(self, backend: Caller, asker: Asker) -> None:
        users = [f"user-{number}" for number in range(7)]
        store(backend, *[used(days, user_id=user) for user in users for days in (0, 9)])
        pages = listed(asker, size=3)
        assert [len(page) for page in pages] == [3, 3, 1]
        assert list(itertools.chain(*pages)) == users
        assert listed(asker, size=7) == [users]

    def test_profiles_are_those_of_get(self, backend: Caller, asker: Asker) -> None:
        store(
            backend,
            *[used(days, "export_action", competency_area=AREAS[0]) for days in (1, 5, 30)],
            used(2, user_id="milo"),
        )
        record(asker, 1)
        page = asker.call("ListBehaviourProfiles", pb.ListBehaviourProfilesRequest())
        for one in page.profiles:
            assert profile_of(asker, one.user_id, one.as_of.ToDatetime(UTC)) == one
        assert len(page.profiles) == 2

    def test_users_without_an_event_for_90_days_are_left_out(
        self, backend: Caller, asker: Asker
    ) -> None:
        store(backend, used(85, user_id="late"), used(95, user_id="gone"), used(95), used(85))
        assert listed(asker) == [["late", "mia"]]

    @pytest.mark.parametrize(("days", "seen"), [(85, ["mia"]), (95, [])])
    def test_nor_does_a_member_see_itself_then(
        self, backend: Caller, insight: Insight, acme: Organisation, days: int, seen: list[str]
    ) -> None:
        store(backend, used(days), used(0, user_id="milo"))
        assert listed(insight.asker(acme, "mia")) == [seen]

    def test_a_token_of_another_list_is_refused(self, backend: Caller, asker: Asker) -> None:
        store(backend, used(0), used(0, user_id="milo"))
        page = asker.call("ListBehaviourProfiles", pb.ListBehaviourProfilesRequest(page_size=1))
        request = pb.ListCustomerActionsRequest(page_token=page.next_page_token)
        with pytest.raises(grpc.RpcError) as failed:
            asker.call("ListCustomerActions", request)
        assert refusal(failed.value).reason == "INVALID_PAGE_TOKEN"
