"""RecordCompetitorPrice and ListCompetitorPrices."""

from __future__ import annotations

import uuid
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from footfall.pricing.v1 import price_pb2 as pb
from tests.bargaining import Pricing, Seller
from tests.ingesting import at
from tests.organisations import Organisation
from tests.selling import audited, money, pages, refused, tier, upsert

DAY = 86_400


@pytest.fixture(autouse=True)
def pro(robot: Seller) -> pb.Tier:
    return upsert(robot, tier()).tier


def record(seller: Seller, request_id: str = "", **fields: Any) -> pb.CompetitorPrice:
    """What is kept of a finding: ten euros of `globo`, unless the fields say otherwise."""
    said = {
        "competitor": "globo",
        "offer": "Premium",
        "tier_id": "pro",
        "price": money(10),
        "source": "https://globo.example/pricing",
        **fields,
    }
    request = pb.RecordCompetitorPriceRequest(
        request_id=request_id, competitor_price=pb.CompetitorPrice(**said)
    )
    kept: pb.CompetitorPrice = seller.call("RecordCompetitorPrice", request).competitor_price
    return kept


def found(seller: Seller, size: int = 0, **where: Any) -> list[pb.CompetitorPrice]:
    """All findings of a list, page by page."""
    return pages(seller, "ListCompetitorPrices", pb.ListCompetitorPricesRequest(**where), size)


class TestRecord:
    @pytest.mark.parametrize("source", ["", " ", "\t\n", "\u00a0"])
    def test_it_says_where_it_was_seen(self, robot: Seller, source: str) -> None:
        said = pb.CompetitorPrice(competitor="globo", tier_id="pro", price=money(1), source=source)
        request = pb.RecordCompetitorPriceRequest(competitor_price=said)
        told = refused(robot.call, "RecordCompetitorPrice", request)
        assert "competitor_price.source" in told.violations
        assert found(robot) == []

    def test_all_of_it_is_kept(self, robot: Seller) -> None:
        moment = at(DAY)
        kept = record(robot, observed_at=moment)
        assert uuid.UUID(kept.competitor_price_id).version == 7
        assert found(robot) == [kept]
        assert kept == pb.CompetitorPrice(
            competitor_price_id=kept.competitor_price_id,
            competitor="globo",
            offer="Premium",
            tier_id="pro",
            price=money(10),
            observed_at=moment,
            source="https://globo.example/pricing",
            recorded_by="backend",
        )

    def test_it_was_seen_now_unless_it_says_when(self, robot: Seller) -> None:
        seen = record(robot).observed_at
        assert 0 <= at(0).ToNanoseconds() - seen.ToNanoseconds() < 60 * 10**9

    def test_each_finding_stands_beside_the_others(self, robot: Seller) -> None:
        moment = at(DAY)
        ids = {record(robot, observed_at=moment).competitor_price_id for _ in range(3)}
        assert {one.competitor_price_id for one in found(robot)} == ids
        assert len(ids) == 3

    def test_a_repeat_gets_the_first_answer(self, robot: Seller) -> None:
        request_id = str(uuid.uuid4())
        first = record(robot, request_id)
        assert record(robot, request_id) == first
        assert found(robot) == [first]
        error = refused(record, robot, request_id, price=money(11))
        assert (error.code, error.reason) == (
            grpc.StatusCode.ALREADY_EXISTS,
            "REQUEST_ID_REUSED",
        )

    def test_it_is_audited(self, robot: Seller, acme: Organisation) -> None:
        kept = record(robot, observed_at=Timestamp(seconds=1_750_000_000))
        assert audited(acme)[1:] == [
            (
                "competitor_price.record",
                kept.competitor_price_id,
                {
                    "tier_id": "pro",
                    "competitor": "globo",
                    "offer": "Premium",
                    "amount_minor": 1000,
                    "currency": "EUR",
                    "observed_at": "2025-06-15T15:06:40+00:00",
                    "source": "https://globo.example/pricing",
                },
            )
        ]

    def test_a_tier_that_there_is_not(self, robot: Seller) -> None:
        error = refused(record, robot, tier_id="nothing")
        assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
        assert not found(robot)

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"competitor": ""}, "competitor_price.competitor"),
            ({"competitor": "x" * 129}, "competitor_price.competitor"),
            ({"competitor": "a\0b"}, "competitor_price.competitor"),
            ({"offer": "x" * 257}, "competitor_price.offer"),
            ({"tier_id": ""}, "competitor_price.tier_id"),
            ({"source": ""}, "competitor_price.source"),
            ({"source": "x" * 1001}, "competitor_price.source"),
            ({"price": None}, "competitor_price.price"),
            ({"price": money(10, currency="USD")}, "competitor_price.price.currency_code"),
            ({"observed_at": at(-DAY)}, "competitor_price.observed_at"),
            ({"observed_at": Timestamp(seconds=0)}, "competitor_price.observed_at"),
            ({"observed_at": Timestamp(nanos=-1)}, "competitor_price.observed_at"),
            ({"request_id": "one"}, "request_id"),
        ],
    )
    def test_what_is_wrong_is_named(
        self, robot: Seller, fields: dict[str, Any], field: str
    ) -> None:
        error = refused(record, robot, **fields)
        assert error.code is grpc.StatusCode.INVALID_ARGUMENT
        assert field in error.violations
        assert not found(robot)

    def test_long_names_are_kept(self, robot: Seller) -> None:
        """Four bytes a character: an index holds them too."""
        long = "\N{GRINNING FACE}"
        upsert(robot, tier(long * 128))
        kept = record(robot, tier_id=long * 128, competitor=long * 128, offer=long * 256)
        assert found(robot, newest_only=True) == [kept]


class TestList:
    def test_the_latest_seen_first_page_by_page(self, robot: Seller) -> None:
        same = at(5 * DAY)
        for days in (3, 1, 2):
            record(robot, observed_at=at(days * DAY))
        for _ in range(4):
            record(robot, observed_at=same)
        whole = found(robot)
        places = [
            (one.observed_at.ToNanoseconds(), uuid.UUID(one.competitor_price_id)) for one in whole
        ]
        assert places == sorted(places, reverse=True)
        assert len(whole) == 7
        for size in (1, 3, 7, 1001):
            assert found(robot, size) == whole

    def test_of_one_tier(self, robot: Seller) -> None:
        upsert(robot, tier("basic"))
        record(robot)
        kept = record(robot, tier_id="basic")
        assert found(robot, tier_id="basic") == [kept]
        assert len(found(robot)) == 2
        assert not found(robot, tier_id="nothing")

    def test_the_newest_of_each_competitor_and_offer(self, robot: Seller) -> None:
        upsert(robot, tier("basic"))
        newest = []
        for tier_id in ("basic", "pro"):
            for competitor in ("globo", "initech"):
                for offer in ("", "Premium"):
                    place = {"tier_id": tier_id, "competitor": competitor, "offer": offer}
                    newest.append(record(robot, observed_at=at(DAY), **place))
                    record(robot, observed_at=at(3 * DAY), **place)
                    record(robot, observed_at=at(2 * DAY), **place)
        newest.reverse()
        for size in (0, 1, 3):
            assert found(robot, size, newest_only=True) == newest
            assert found(robot, size, newest_only=True, tier_id="pro") == newest[:4]
        assert len(found(robot)) == 3 * len(newest)

    def test_of_those_seen_at_one_moment_one_is_the_newest(self, robot: Seller) -> None:
        same = at(DAY)
        kept = [record(robot, observed_at=same) for _ in range(2)]
        last = max(kept, key=lambda one: uuid.UUID(one.competitor_price_id))
        assert found(robot, newest_only=True) == [last]

    def test_a_token_belongs_to_its_filter(self, robot: Seller) -> None:
        record(robot)
        record(robot)
        page = robot.call("ListCompetitorPrices", pb.ListCompetitorPricesRequest(page_size=1))
        request = pb.ListCompetitorPricesRequest(page_token=page.next_page_token, newest_only=True)
        assert refused(robot.call, "ListCompetitorPrices", request).reason == "INVALID_PAGE_TOKEN"
        assert "page_size" in refused(found, robot, -1).violations


class TestWalls:
    @pytest.mark.parametrize("subject", ["olga", "adam", "backend"])
    def test_all_but_members_read_and_write(
        self, pricing: Pricing, acme: Organisation, subject: str
    ) -> None:
        seller = pricing.seller(acme, subject)
        kept = record(seller)
        assert kept.recorded_by == subject
        assert found(seller) == [kept]

    def test_members_do_neither(self, pricing: Pricing, acme: Organisation) -> None:
        mia = pricing.seller(acme, "mia")
        for act in (record, found):
            error = refused(act, mia)
            assert (error.code, error.reason) == (
                grpc.StatusCode.PERMISSION_DENIED,
                "ROLE_NOT_PERMITTED",
            )

    def test_scopes_are_asked_for(self, pricing: Pricing, acme: Organisation) -> None:
        for act, scope in ((record, "competitors:read"), (found, "competitors:write")):
            error = refused(act, pricing.seller(acme, scopes=[scope]))
            assert (error.code, error.reason) == (
                grpc.StatusCode.PERMISSION_DENIED,
                "SCOPE_MISSING",
            )

    def test_what_another_organisation_found_is_not_shown(
        self, pricing: Pricing, robot: Seller, globex: Organisation
    ) -> None:
        theirs = pricing.seller(globex)
        record(robot)
        assert not found(theirs)
        assert refused(record, theirs) == refused(record, theirs, tier_id="nothing")
