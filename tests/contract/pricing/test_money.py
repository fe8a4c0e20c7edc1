"""Amounts: exact in every currency, and what is none is refused at the door and by the database."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import grpc
import psycopg
import pytest
from google.protobuf import json_format
from google.type.money_pb2 import Money

from footfall.pricing.v1 import approval_pb2, evidence_pb2
from footfall.pricing.v1 import price_pb2 as pb
from services.pricing.amounts import to_money
from shared.money import EXPONENTS, MAX_MINOR
from tests.bargaining import Seller
from tests.organisations import Organisation
from tests.selling import Till, get, money, refused, subscribe, subscriptions, tier, upsert

MILLI = 1_000_000
"""A thousandth, in billionths."""
BEYOND = 2**63
NO_MONEY = {
    "-0.001": money(0, -MILLI),
    "-1": money(-1),
    "-0.01": money(0, -10 * MILLI),
    "2^63 - 1": money(BEYOND - 1),
    "-2^63": money(-BEYOND),
    "0.005": money(0, 5 * MILLI),
    "13 digits": money(10_000_000_000),
    "13 digits of a currency without decimals": money(10**12, currency="JPY"),
    "parts of a yen": money(1, 500 * MILLI, "JPY"),
    "a tenth of a fils": money(0, MILLI // 10, "KWD"),
    "mixed signs": money(1, -10 * MILLI),
    "a billion billionths": money(0, 10**9),
    "no currency": money(1, currency=""),
    "an unknown currency": money(1, currency="ABC"),
    "a currency that is no more": money(1, currency="HRK"),
    "a code for tests": money(1, currency="XTS"),
    "gold": money(1, currency="XAU"),
    "small letters": money(1, currency="eur"),
    "four letters": money(1, currency="EURO"),
    "a NUL in it": money(1, currency="EU\0"),
    "other letters": money(1, currency="EU\N{GREEK CAPITAL LETTER RHO}"),
}
TEXTS = ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", str(BEYOND), str(-BEYOND - 1), "0.005")
"""What only JSON can say."""


def _metric(**values: Money) -> list[pb.ValueMetric]:
    whole: dict[str, Any] = {"low_value": money(1), "high_value": money(1), **values}
    return [pb.ValueMetric(name="users", **whole)]


DOORS: dict[str, Callable[[Money], tuple[str, Any, str]]] = {
    "the price of a tier": lambda amount: (
        "UpsertTier", pb.UpsertTierRequest(tier=tier("new", price=amount)), "tier.price",
    ),
    "what serving costs": lambda amount: (
        "UpsertTier", pb.UpsertTierRequest(tier=tier(cost_to_serve=amount)), "tier.cost_to_serve",
    ),
    "the floor": lambda amount: (
        "UpsertTier", pb.UpsertTierRequest(tier=tier(floor_price=amount)), "tier.floor_price",
    ),
    "the least value": lambda amount: (
        "UpsertTier",
        pb.UpsertTierRequest(tier=tier(value_metrics=_metric(low_value=amount))),
        "tier.value_metrics.low_value",
    ),
    "the most value": lambda amount: (
        "UpsertTier",
        pb.UpsertTierRequest(tier=tier(value_metrics=_metric(high_value=amount))),
        "tier.value_metrics.high_value",
    ),
    "what a competitor asks": lambda amount: (
        "RecordCompetitorPrice",
        pb.RecordCompetitorPriceRequest(
            competitor_price=pb.CompetitorPrice(
                competitor="globo", tier_id="pro", price=amount, source="web"
            )
        ),
        "competitor_price.price",
    ),
    "a price that is asked for": lambda amount: (
        "RequestApproval",
        approval_pb2.RequestApprovalRequest(tier_id="pro", proposed_price=amount, reason="why"),
        "proposed_price",
    ),
    "a price that is thought of": lambda amount: (
        "PredictDemand", evidence_pb2.PredictDemandRequest(tier_id="pro", price=amount), "price",
    ),
}  # fmt: skip


@pytest.fixture
def till(acme: Organisation) -> Iterator[Till]:
    with Till.open(acme) as till:
        yield till


@pytest.fixture
def pro(robot: Seller) -> pb.Tier:
    return upsert(robot, tier(cost_to_serve=money(1))).tier


class TestExact:
    @pytest.mark.parametrize("digits", sorted(set(EXPONENTS.values())))
    def test_every_currency_comes_back_to_the_minor_unit(
        self, robot: Seller, acme: Organisation, digits: int
    ) -> None:
        """Through the service and the database: the least, the most, and one in between."""
        chance = random.Random(digits)
        for currency in (one for one, exponent in EXPONENTS.items() if exponent == digits):
            middle = chance.randrange(MAX_MINOR)
            price, cost, floor = (to_money(one, currency) for one in (MAX_MINOR, 1, middle))
            sent = tier(currency, price=price, cost_to_serve=cost, floor_price=floor)
            made = upsert(robot, sent).tier
            kept = get(robot, currency)
            assert kept.tier == made
            assert (kept.tier.price, kept.tier.cost_to_serve, kept.tier.floor_price) == (
                price, cost, floor,
            )  # fmt: skip
            assert [one.price for one in kept.prices] == [price]
            stored = acme.database.execute(
                "SELECT amount_minor, cost_to_serve_minor, floor_minor FROM app.tiers"
                " JOIN app.price_versions USING (org_id, tier_id)"
                " WHERE org_id = %s AND tier_id = %s", acme.org_id, currency,
            )  # fmt: skip
            assert stored == [(MAX_MINOR, 1, middle)]

    def test_the_database_knows_the_same_currencies(self, acme: Organisation) -> None:
        assert dict(acme.database.execute("SELECT code, exponent FROM app.currencies")) == EXPONENTS

    @pytest.mark.parametrize(
        ("currency", "before", "after"),
        [
            ("JPY", (500, 0), (499, 0)),
            ("KWD", (1, MILLI), (1, 0)),
            ("EUR", (0, 10 * MILLI), (0, 0)),
        ],
    )
    def test_a_change_is_exact(
        self,
        robot: Seller,
        till: Till,
        currency: str,
        before: tuple[int, int],
        after: tuple[int, int],
    ) -> None:
        upsert(robot, tier(price=money(before[0], before[1], currency)))
        subscribe(robot)
        cheaper = money(after[0], after[1], currency)
        exponent = EXPONENTS[currency]
        minor = after[0] * 10**exponent + after[1] * 10**exponent // 10**9
        till.apply(till.agree(minor, currency=currency))
        till.reach()
        assert get(robot).tier.price == cheaper
        assert [one.price for one in subscriptions(robot)] == [cheaper]


@pytest.mark.usefixtures("pro")
class TestDoor:
    @pytest.mark.parametrize("amount", NO_MONEY)
    def test_what_is_no_amount_is_refused(self, robot: Seller, amount: str) -> None:
        before = get(robot)
        for door, asked in DOORS.items():
            method, request, field = asked(NO_MONEY[amount])
            error = refused(robot.call, method, request)
            assert error.code is grpc.StatusCode.INVALID_ARGUMENT, door
            named = [one.replace("[0]", "") for one in error.violations]
            assert any(one.startswith(field) for one in named), (door, named)
        assert get(robot) == before
        assert refused(get, robot, "new").code is grpc.StatusCode.NOT_FOUND


class TestJson:
    @pytest.mark.parametrize("text", TEXTS)
    @pytest.mark.parametrize("field", ["units", "nanos"])
    @pytest.mark.parametrize("quoted", ["as a number", "as a text"])
    def test_what_only_json_can_say_is_no_message(self, text: str, field: str, quoted: str) -> None:
        said = text if quoted == "as a number" else json.dumps(text)
        request = f'{{"tier": {{"tierId": "pro", "price": {{"{field}": {said}}}}}}}'
        with pytest.raises(json_format.ParseError):
            json_format.Parse(request, pb.UpsertTierRequest())


LESS, MORE = -1, MAX_MINOR + 1
OUT_OF_RANGE = (LESS, MORE, 2**63 - 1)
NO_NUMBER = ("NaN", "Infinity", "-Infinity", "1e400", str(BEYOND), "0.005", "-0.001")
KEPT = (
    ("tiers", "cost_to_serve_minor"),
    ("tiers", "floor_minor"),
    ("competitor_prices", "amount_minor"),
    ("approval_revisions", "current_minor"),
    ("approval_revisions", "proposed_minor"),
    ("price_changes", "old_minor"),
    ("price_changes", "new_minor"),
    ("price_versions", "amount_minor"),
)
_REQUEST = """
SELECT app.price_request(%s, %s, NULL, 'pro', %s, 'EUR', NULL, 'why', '{}', '[]', 'ann', NULL, NULL)
"""
_COMPETITOR = """
INSERT INTO app.competitor_prices (org_id, competitor_price_id, tier_id, competitor, offer,
  amount_minor, currency, observed_at, source, recorded_by, recorded_at)
VALUES (%s, %s, 'pro', 'globo', '', %s, %s, now(), 'web', 'ann', now()) RETURNING 'OK'
"""


@pytest.mark.usefixtures("pro")
class TestDatabase:
    """By SQL of its own neither the service's login nor the owner of the schema gets further."""

    @pytest.mark.parametrize("amount", OUT_OF_RANGE)
    def test_the_login_is_stopped_by_checks(
        self, till: Till, acme: Organisation, amount: int
    ) -> None:
        org_id = acme.org_id
        for statement, parameters in (
            ("UPDATE app.tiers SET cost_to_serve_minor = %s WHERE org_id = %s", (amount, org_id)),
            ("UPDATE app.tiers SET floor_minor = %s WHERE org_id = %s", (amount, org_id)),
            (_COMPETITOR, (org_id, uuid4(), amount, "EUR")),
            (_REQUEST, (org_id, uuid4(), amount)),
            ("SELECT app.price_first(%s, 'new', 'EUR', %s)", (org_id, amount)),
        ):
            with pytest.raises(psycopg.errors.IntegrityError):
                till.ask("ann", statement, *parameters)

    @pytest.mark.parametrize("amount", NO_NUMBER)
    def test_what_is_no_whole_number_has_no_place(
        self, till: Till, acme: Organisation, amount: str
    ) -> None:
        """There is no column for parts of a minor unit, nor for what is no number."""
        org_id = acme.org_id
        for statement in (
            f"UPDATE app.tiers SET floor_minor = '{amount}' WHERE org_id = %s",
            f"SELECT app.price_first(%s, 'new', 'EUR', '{amount}')",
            f"SELECT app.price_first(%s, 'new', 'EUR', '{amount}'::numeric)",
        ):
            with pytest.raises((psycopg.DataError, psycopg.errors.UndefinedFunction)):
                till.ask("ann", statement, org_id)

    @pytest.mark.parametrize("currency", ["ABC", "eur", "HRK", "XAU", ""])
    def test_the_login_knows_no_other_currency(
        self, till: Till, acme: Organisation, currency: str
    ) -> None:
        for statement, parameters in (
            (_COMPETITOR, (acme.org_id, uuid4(), 1, currency)),
            ("SELECT app.price_first(%s, 'new', %s, 1)", (acme.org_id, currency)),
        ):
            with pytest.raises(psycopg.errors.ForeignKeyViolation):
                till.ask("ann", statement, *parameters)

    @pytest.mark.parametrize("amount", OUT_OF_RANGE)
    def test_the_owner_is_stopped_by_checks(
        self, robot: Seller, till: Till, acme: Organisation, amount: int
    ) -> None:
        method, request, _ = DOORS["what a competitor asks"](money(9))
        robot.call(method, request)
        till.agree(900)
        for table, column in KEPT:
            with pytest.raises(psycopg.errors.CheckViolation):
                acme.database.execute(
                    f"UPDATE app.{table} SET {column} = %s WHERE org_id = %s", amount, acme.org_id
                )

    def test_no_amount_is_without_its_check(self, acme: Organisation) -> None:
        """Of the review alone: there it is a difference."""
        columns = acme.database.execute(
            "SELECT c.relname, a.attname, format_type(a.atttypid, NULL) FROM pg_attribute a"
            " JOIN pg_class c ON c.oid = a.attrelid"
            " WHERE c.relnamespace = 'app'::regnamespace AND c.relkind = 'r'"
            " AND a.attname ~ '_minor$'"
        )
        assert {kind for _, _, kind in columns} == {"bigint"}
        found = {(table, column) for table, column, _ in columns}
        assert found == {*KEPT, ("price_change_reviews", "actual_minor")}
