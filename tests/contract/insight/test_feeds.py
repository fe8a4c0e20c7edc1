"""What the concierge and the tier manager are handed: by call, and by signed webhook."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import grpc
import pytest

from footfall.insights.v1 import feed_pb2 as pb
from footfall.insights.v1 import insight_pb2
from footfall.insights.v1 import insight_requests_pb2 as requests
from services.insight.webhooks.rules.endpoints import FEED_CONCIERGE, FEED_TIER_MANAGER
from tests.delivering import delivering, listen, until
from tests.detecting import CHURN, DAY, NOON, POWER, UPSELL, events, generate, send, whose
from tests.ingesting import Caller, Refused, refusal
from tests.insight_working import insight_worker
from tests.insighting import Asker, Insight, running_insight
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase
from tests.receiving import Reply, running_receiver, verified

RECORDED, PENDING, DELIVERED, DEAD = range(1, 5)
CONCIERGE, TIER_MANAGER = pb.FEED_CONCIERGE, pb.FEED_TIER_MANAGER
USERS = ("ann", "bob", "cid", "dee")


@pytest.fixture(autouse=True)
def _folding(folding: None) -> None:
    """Runs wait for what is folded."""


@pytest.fixture
def known(backend: Caller, asker: Asker) -> Sequence[Any]:
    """Insights of the organisation, of some users and a client; some were seen last week only."""
    for user in USERS:
        send(backend, events(51, 20, "voice_generation", user_id=user))
    send(backend, events(51, 35, "voice_generation", user_id="past", client_id="desk-1"))
    send(backend, events(6, 2, "feature_abandoned", user_id="ann"))
    generate(asker, NOON - 6 * DAY)
    generate(asker, NOON)
    found: Sequence[Any] = asker.call(
        "ListInsights", requests.ListInsightsRequest(page_size=1000)
    ).insights
    assert len(found) > 12
    assert {whose(one.subject) for one in found} == {"org", *USERS, "past", "phone-7", "desk-1"}
    return found


def latest(known: Sequence[Any], *subjects: str) -> list[str]:
    """Ids of the five that a session is to know of: the last seen first, then the worst."""

    def rank(one: Any) -> tuple[Any, ...]:
        return -one.last_seen_at.ToMicroseconds(), -one.severity, -one.weight, one.insight_id

    of = [one for one in known if not subjects or whose(one.subject) in ("org", *subjects)]
    return [one.insight_id for one in sorted(of, key=rank)[:5]]


def ids(answer: Any) -> list[str]:
    return [one.insight_id for one in answer.insights]


def context(asker: Asker, **subject: str) -> Any:
    return asker.call("GetConciergeContext", pb.GetConciergeContextRequest(**subject))


def to_concierge(asker: Asker, **fields: Any) -> Any:
    fields = {"session_id": "session-1", **fields}
    return asker.call("PublishToConcierge", pb.PublishToConciergeRequest(**fields))


def to_tier_manager(asker: Asker, **fields: Any) -> Any:
    return asker.call("PublishToTierManager", pb.PublishToTierManagerRequest(**fields))


def deliveries(asker: Asker, **fields: Any) -> list[pb.FeedDelivery]:
    """All of them, page by page."""
    found: list[pb.FeedDelivery] = []
    token = ""
    while True:
        request = pb.ListFeedDeliveriesRequest(page_token=token, **fields)
        page = asker.call("ListFeedDeliveries", request)
        assert len(page.deliveries) <= (request.page_size or 50)
        found += page.deliveries
        token = page.next_page_token
        if not token:
            return found


def refused(asker: Asker, method: str, request: Any) -> Refused:
    with pytest.raises(grpc.RpcError) as failed:
        asker.call(method, request)
    return refusal(failed.value)


class TestTheConciergesContext:
    def test_it_is_the_latest_five_of_anybody(self, asker: Asker, known: Sequence[Any]) -> None:
        answer = context(asker)
        assert ids(answer) == latest(known)
        assert [one for one in known if one.insight_id == ids(answer)[0]] == [answer.insights[0]]
        assert abs(answer.as_of.ToDatetime(UTC) - datetime.now(UTC)).total_seconds() < 60

    def test_of_a_user_or_a_client_it_comes_with_the_organisations(
        self, asker: Asker, known: Sequence[Any]
    ) -> None:
        assert ids(context(asker, user_id="ann")) == latest(known, "ann")
        assert ids(context(asker, user_id="past")) == latest(known, "past")
        assert ids(context(asker, client_id="phone-7")) == latest(known, "phone-7")
        nobody = context(asker, user_id="phone-7").insights
        assert {whose(one.subject) for one in nobody} == {"org"}

    def test_it_holds_what_is_open_or_acknowledged_and_nothing_else(
        self, asker: Asker, known: Sequence[Any]
    ) -> None:
        first, second, *_ = latest(known, "ann")
        asker.call("DismissInsight", requests.DismissInsightRequest(insight_id=first))
        asker.call("AcknowledgeInsight", requests.AcknowledgeInsightRequest(insight_id=second))
        found = ids(context(asker, user_id="ann"))
        assert first not in found
        assert second in found

    def test_without_insights_it_is_empty(self, asker: Asker) -> None:
        assert ids(context(asker)) == []

    def test_a_neighbour_sees_nothing_of_it(
        self, insight: Insight, globex: Organisation, known: Sequence[Any]
    ) -> None:
        assert known
        assert ids(context(insight.asker(globex))) == []
        assert ids(context(insight.asker(globex), user_id="ann")) == []


class TestPublishing:
    def test_a_session_is_handed_its_context_and_it_is_on_record(
        self, asker: Asker, acme: Organisation, known: Sequence[Any]
    ) -> None:
        answer = to_concierge(asker, user_id="bob")
        assert ids(answer) == latest(known, "bob")
        delivery = answer.delivery
        assert (delivery.feed, delivery.session_id) == (CONCIERGE, "session-1")
        assert list(delivery.insight_ids) == ids(answer)
        assert (delivery.state, delivery.attempts) == (RECORDED, 0)
        assert delivery.created_by == "backend"
        assert not delivery.HasField("next_attempt_at")
        assert deliveries(asker) == [delivery]
        [audited] = acme.database.execute(
            "SELECT actor, target, details FROM app.audit_entries"
            " WHERE org_id = %s AND action = 'feed.publish'",
            acme.org_id,
        )
        assert audited[:2] == ("backend", delivery.delivery_id)
        assert audited[2] == {
            "feed": "feed.concierge",
            "session_id": "session-1",
            "insights": len(answer.insights),
            "webhook": False,
        }

    def test_the_tier_manager_is_handed_three_types_seen_within_seven_days(
        self, asker: Asker, known: Sequence[Any]
    ) -> None:
        answer = to_tier_manager(asker)
        week = (datetime.now(UTC) - 7 * DAY).timestamp()
        expected = {
            one.insight_id
            for one in known
            if one.insight_type in {POWER, UPSELL, CHURN} and one.last_seen_at.seconds >= week
        }
        assert set(ids(answer)) == expected
        assert "past" not in {whose(one.subject) for one in answer.insights}
        assert len({one.insight_type for one in known}) > 2
        assert (answer.delivery.feed, answer.delivery.session_id) == (TIER_MANAGER, "")
        assert list(answer.delivery.insight_ids) == ids(answer)

    def test_a_repeat_is_answered_and_not_repeated(self, asker: Asker) -> None:
        request_id = str(uuid4())
        first = to_concierge(asker, request_id=request_id)
        assert to_concierge(asker, request_id=request_id) == first
        assert len(deliveries(asker)) == 1
        again = pb.PublishToConciergeRequest(request_id=request_id, session_id="session-2")
        assert refused(asker, "PublishToConcierge", again).reason == "REQUEST_ID_REUSED"
        assert len(deliveries(asker)) == 1

    def test_deliveries_are_listed_the_latest_first(self, asker: Asker) -> None:
        made = [
            (to_concierge(asker) if number % 2 else to_tier_manager(asker)).delivery
            for number in range(7)
        ]
        assert deliveries(asker, page_size=3) == made[::-1]
        assert deliveries(asker, page_size=2, feed=CONCIERGE) == made[1::2][::-1]
        assert deliveries(asker, feed=TIER_MANAGER) == made[::2][::-1]

    def test_a_neighbour_sees_no_delivery(
        self, insight: Insight, asker: Asker, globex: Organisation
    ) -> None:
        to_concierge(asker)
        assert deliveries(insight.asker(globex)) == []

    @pytest.mark.parametrize(
        ("method", "request_", "field"),
        [
            ("PublishToConcierge", pb.PublishToConciergeRequest(), "session_id"),
            (
                "PublishToConcierge",
                pb.PublishToConciergeRequest(session_id="s", request_id="one"),
                "request_id",
            ),
            (
                "GetConciergeContext",
                pb.GetConciergeContextRequest(user_id="u" * 129),
                "user_id",
            ),
            ("ListFeedDeliveries", pb.ListFeedDeliveriesRequest(page_size=-1), "page_size"),
            ("ListFeedDeliveries", pb.ListFeedDeliveriesRequest(feed=9), "feed"),  # type: ignore[arg-type]
        ],
        ids=str,
    )
    def test_what_is_malformed_is_refused_by_name(
        self, asker: Asker, method: str, request_: Any, field: str
    ) -> None:
        told = refused(asker, method, request_)
        assert told.code == grpc.StatusCode.INVALID_ARGUMENT
        assert list(told.violations) == [field]

    @pytest.mark.parametrize(
        ("method", "request_"),
        [
            ("GetConciergeContext", pb.GetConciergeContextRequest(user_id="mia")),
            ("PublishToConcierge", pb.PublishToConciergeRequest(session_id="s", user_id="mia")),
            ("PublishToTierManager", pb.PublishToTierManagerRequest()),
            ("ListFeedDeliveries", pb.ListFeedDeliveriesRequest()),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_members_are_refused(
        self, insight: Insight, acme: Organisation, method: str, request_: Any
    ) -> None:
        told = refused(insight.asker(acme, "mia"), method, request_)
        assert told.code == grpc.StatusCode.PERMISSION_DENIED


class TestByWebhook:
    async def test_what_is_published_arrives_signed(
        self, asker: Asker, acme: Organisation, known: Sequence[Any]
    ) -> None:
        with running_receiver() as receiver:
            secret = await listen(acme, receiver.url())
            answer = to_concierge(asker, user_id="cid")
            assert answer.delivery.state == PENDING
            assert answer.delivery.HasField("next_attempt_at")
            async with delivering(acme):
                await until(lambda: deliveries(asker)[0].state == DELIVERED)
        [came] = receiver.received
        assert came.message_id == answer.delivery.delivery_id
        body = json.loads(verified(secret, came.headers, came.body))
        assert body["type"] == "feed.concierge"
        assert body["timestamp"] == answer.delivery.created_at.ToDatetime(UTC).isoformat()
        data = body["data"]
        assert data["delivery_id"] == answer.delivery.delivery_id
        assert (data["session_id"], data["truncated"]) == ("session-1", False)
        assert [one["insight_id"] for one in data["insights"]] == latest(known, "cid")
        first, sent = answer.insights[0], data["insights"][0]
        assert sent["insight_type"] == insight_pb2.InsightType.Name(first.insight_type)
        assert sent["recommendation"]["action"] == first.recommendation.action
        assert sent["evidence"]["rule"] == first.evidence.rule
        [delivery] = deliveries(asker)
        assert (delivery.attempts, delivery.last_status, delivery.last_error) == (1, 200, "")
        assert delivery.HasField("finished_at")
        assert not delivery.HasField("next_attempt_at")

    async def test_a_body_stays_below_20_kilobytes_and_says_what_it_leaves_out(
        self, backend: Caller, asker: Asker, acme: Organisation
    ) -> None:
        for number in range(30):
            user = f"user-{number}-" + "ä" * 100
            send(backend, events(51, 20, "voice_generation", user_id=user, client_id="c"))
        generate(asker)
        with running_receiver() as receiver:
            await listen(acme, receiver.url(), FEED_TIER_MANAGER)
            answer = to_tier_manager(asker)
            async with delivering(acme):
                await until(lambda: receiver.received)
        [came] = receiver.received
        data = json.loads(came.body)["data"]
        shown = [one["insight_id"] for one in data["insights"]]
        assert 15_000 < len(came.body) <= 20_000
        assert data["truncated"]
        assert data["insight_count"] == len(answer.insights) > len(shown)
        assert shown == ids(answer)[: len(shown)]

    async def test_failures_and_the_end_of_tries_are_listed(
        self, asker: Asker, acme: Organisation
    ) -> None:
        with running_receiver(lambda _: Reply(503)) as receiver:
            await listen(acme, receiver.url())
            to_concierge(asker)
            async with delivering(acme):
                await until(lambda: deliveries(asker)[0].last_status == 503)
                [delivery] = deliveries(asker)
                assert (delivery.state, delivery.last_error) == (PENDING, "HTTP 503")
                assert delivery.HasField("next_attempt_at")
        with running_receiver(lambda _: Reply(410)) as receiver:
            await listen(acme, receiver.url())
            to_concierge(asker)
            async with delivering(acme):
                await until(lambda: {one.state for one in deliveries(asker)} == {DEAD})
        assert to_concierge(asker).delivery.state == RECORDED  # the endpoint is switched off

    async def test_each_organisation_is_told_its_own(
        self,
        insight: Insight,
        asker: Asker,
        acme: Organisation,
        globex: Organisation,
        known: Sequence[Any],
    ) -> None:
        with running_receiver() as receiver:
            await listen(acme, receiver.url("/acme"))
            secret = await listen(globex, receiver.url("/globex"))
            own = to_concierge(insight.asker(globex)).delivery.delivery_id
            to_concierge(asker)
            async with delivering(acme):
                await until(lambda: len(receiver.received) == 2)
        by_path = {one.path: one for one in receiver.received}
        foreign = by_path["/globex"]
        assert foreign.message_id == own
        assert verified(secret, foreign.headers, foreign.body)
        assert all(one in by_path["/acme"].body.decode() for one in latest(known))
        for one in known:
            assert one.insight_id not in foreign.body.decode()

    async def test_each_feed_goes_where_it_is_wanted(
        self, asker: Asker, acme: Organisation
    ) -> None:
        with running_receiver() as receiver:
            await listen(acme, receiver.url("/concierge"), FEED_CONCIERGE)
            assert to_tier_manager(asker).delivery.state == RECORDED
            await listen(acme, receiver.url("/tiers"), FEED_TIER_MANAGER)
            sent = {
                "/concierge": to_concierge(asker).delivery.delivery_id,
                "/tiers": to_tier_manager(asker).delivery.delivery_id,
            }
            async with delivering(acme):
                await until(lambda: len(receiver.received) == 2)
        assert {one.path: one.message_id for one in receiver.received} == sent


async def test_the_worker_of_insight_delivers(
    database: MigratedDatabase, organisation: Organisation
) -> None:
    with running_receiver() as receiver, running_insight(database) as insight:
        secret = await listen(organisation, receiver.url())
        async with insight_worker(database, FOOTFALL_WEBHOOKS_ALLOW_PRIVATE="true"):
            sent = to_concierge(insight.asker(organisation)).delivery.delivery_id
            await until(lambda: receiver.received)
        [came] = receiver.received
        assert came.message_id == sent
        assert verified(secret, came.headers, came.body)
