"""What holds even for the owner of the tables, where no function is asked: the constraints."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.guarding import ANN, BOB, NOTICE, Till, refusal
from tests.postgres import Connection

NOT_NULL, CHECKED, POINTS_NOWHERE, TAKEN = "23502", "23514", "23503", "23505"
AMOUNTS = {
    "tiers": ("cost_to_serve_minor", "floor_minor"),
    "competitor_prices": ("amount_minor",),
    "approval_revisions": ("current_minor", "proposed_minor"),
    "price_changes": ("old_minor", "new_minor"),
    "price_versions": ("amount_minor",),
}
BAD_AMOUNTS = ("-1", "1000000000000", "1234567890123", "9223372036854775807")
NO_AMOUNTS = ("NaN", "Infinity", "-Infinity", "1e400", "9223372036854775808", "0.005", "-0.001")
CURRENCIES = ("XXQ", "eur", "EUR ", "", "BTC")
SECOND = timedelta(seconds=1)


@pytest.fixture
def sold(till: Till) -> Till:
    """A row in every table: the first price, and one that was agreed to and applied."""
    till.database.execute(
        "INSERT INTO app.competitor_prices VALUES (%s, gen_random_uuid(), 'pro', 'them', 'plus',"
        " 1000, 'EUR', now(), '', 'ann', now())", till.org,
    )  # fmt: skip
    till.subscribe()
    assert till.apply(till.ripe(1100)) == "OK"
    return till


@pytest.fixture
def waiting(till: Till) -> dict[str, Any]:
    """A change that waits for its time, as a row; nothing points to it, and it can be put back."""
    change = till.agreed(1100)
    with till.database.connect("footfall_owner") as owner:
        cursor = owner.execute(
            "SELECT * FROM app.price_changes WHERE price_change_id = %s", (change,)
        )
        found = cursor.fetchone()
        assert found is not None
        assert cursor.description is not None
        owner.execute("DELETE FROM app.price_changes")
        return dict(zip([column.name for column in cursor.description], found, strict=True))


def put(owner: Connection, table: str, row: Mapping[str, Any]) -> str | None:
    """What the database says to the row, None when it takes it."""
    statement = sql.SQL("INSERT INTO app.{} ({}) VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(map(sql.Placeholder, row)),
    )
    return refusal(owner, statement.as_string(owner), row)


def test_50_no_bad_amount_and_no_unknown_currency_is_stored(sold: Till) -> None:
    """By none of the columns that hold one; the door refuses them before, in words."""
    with sold.database.connect("footfall_owner") as owner:
        for table, columns in AMOUNTS.items():
            for column in columns:
                change = f"UPDATE app.{table} SET {column} = "
                for amount in BAD_AMOUNTS:
                    assert refusal(owner, f"{change}{amount}") == CHECKED, (column, amount)
                for amount in NO_AMOUNTS:
                    assert refusal(owner, f"{change}'{amount}'") in {"22P02", "22003"}, amount
                if table != "tiers":
                    assert refusal(owner, f"{change}NULL") == NOT_NULL
            for currency in CURRENCIES:
                statement = f"UPDATE app.{table} SET currency = '{currency}'"
                if table != "tiers":
                    assert refusal(owner, statement) == POINTS_NOWHERE, (table, currency)
        assert refusal(owner, "UPDATE app.tiers SET currency = 'USD'") == POINTS_NOWHERE


def test_the_row_that_is_put_back_is_fine(waiting: dict[str, Any], till: Till) -> None:
    """Or else the refusals below would be of something else."""
    with till.database.connect("footfall_owner") as owner:
        assert put(owner, "price_changes", waiting) is None


@pytest.mark.parametrize(
    ("column", "value", "state"),
    [
        ("approval_id", uuid4(), POINTS_NOWHERE),
        ("revision", 2, POINTS_NOWHERE),
        ("content_hash", bytes(32), POINTS_NOWHERE),
        ("content_hash", None, NOT_NULL),
        ("approval_id", None, NOT_NULL),
        ("verdict", None, NOT_NULL),
        ("verdict", 2, CHECKED),
        ("tier_id", "other", POINTS_NOWHERE),
        ("base_version", 7, POINTS_NOWHERE),
        ("old_minor", 1099, POINTS_NOWHERE),
        ("new_minor", 1101, POINTS_NOWHERE),
        ("currency", "USD", POINTS_NOWHERE),
        ("state", 8, CHECKED),
    ],
)
def test_a_change_is_what_somebody_agreed_to(
    waiting: dict[str, Any], till: Till, column: str, value: object, state: str
) -> None:
    with till.database.connect("footfall_owner") as owner:
        assert put(owner, "price_changes", {**waiting, column: value}) == state


def test_there_is_no_change_without_consent(till: Till) -> None:
    """Neither before a verdict nor after another one."""
    for verdict in (None, 2, 3):
        asked = till.request(ANN, 900)
        if verdict:
            assert till.decide(BOB, asked, verdict) == "OK"
        row = {
            "org_id": till.org, "price_change_id": asked, "approval_id": asked, "revision": 1,
            "content_hash": till.state(asked)[2], "verdict": 1, "tier_id": "pro",
            "base_version": 1, "old_minor": 1000, "new_minor": 900, "currency": "EUR",
            "state": 1, "etag": 1, "approved_at": "now", "effective_at": "now", "problem": "",
        }  # fmt: skip
        with till.database.connect("footfall_owner") as owner:
            assert put(owner, "price_changes", row) == POINTS_NOWHERE


@pytest.mark.parametrize("missing", [SECOND, timedelta(microseconds=1), NOTICE, 2 * NOTICE])
def test_46_no_increase_takes_effect_before_its_notice(
    waiting: dict[str, Any], till: Till, missing: timedelta
) -> None:
    exactly = waiting["approved_at"] + NOTICE
    with till.database.connect("footfall_owner") as owner:
        assert put(owner, "price_changes", {**waiting, "effective_at": exactly}) is None
        early = {**waiting, "effective_at": exactly - missing}
        assert put(owner, "price_changes", early) == CHECKED


def test_nothing_is_applied_before_its_time(waiting: dict[str, Any], till: Till) -> None:
    time = waiting["effective_at"]
    with till.database.connect("footfall_owner") as owner:
        assert put(owner, "price_changes", {**waiting, "applied_at": time}) is None
        early = {**waiting, "applied_at": time - timedelta(microseconds=1)}
        assert put(owner, "price_changes", early) == CHECKED


def price_version(till: Till, change: UUID, **other: Any) -> dict[str, Any]:
    """The price that comes of a change."""
    [(approval, content, effective)] = till.database.execute(
        "SELECT approval_id, content_hash, effective_at FROM app.price_changes"
        " WHERE price_change_id = %s", change,
    )  # fmt: skip
    return {
        "org_id": till.org, "tier_id": "pro", "version": 2, "amount_minor": 1100,
        "currency": "EUR", "valid_from": effective, "valid_to": effective + SECOND,
        "price_change_id": change, "approval_id": approval, "content_hash": content,
    } | other  # fmt: skip


def test_a_price_is_what_somebody_agreed_to_from_its_time_on(till: Till) -> None:
    till.tier("plus", 1000)
    change, dearer, of_plus = till.agreed(1100), till.agreed(5000), till.agreed(1100, "plus")
    asked = till.request(ANN, 1100)
    right = price_version(till, change)
    without = dict.fromkeys(("price_change_id", "approval_id", "content_hash"))
    wrong: list[tuple[dict[str, Any], str]] = [
        (without, CHECKED),
        ({"price_change_id": None}, CHECKED),
        ({"content_hash": None}, CHECKED),
        ({"approval_id": None}, CHECKED),
        ({"version": 1}, CHECKED),
        ({"version": 0} | without, CHECKED),
        ({"version": 1} | without, TAKEN),
        ({"valid_to": None}, TAKEN),
        ({"amount_minor": 1101}, POINTS_NOWHERE),
        ({"amount_minor": 5000}, POINTS_NOWHERE),
        ({"currency": "USD"}, POINTS_NOWHERE),
        ({"tier_id": "plus"}, POINTS_NOWHERE),
        ({"valid_from": right["valid_from"] - SECOND}, POINTS_NOWHERE),
        ({"price_change_id": dearer}, POINTS_NOWHERE),
        ({"price_change_id": of_plus}, POINTS_NOWHERE),
        ({"price_change_id": asked, "approval_id": asked}, POINTS_NOWHERE),
        ({"approval_id": asked}, POINTS_NOWHERE),
        ({"content_hash": till.state(asked)[2]}, POINTS_NOWHERE),
        ({"org_id": uuid4()}, POINTS_NOWHERE),
    ]
    with till.database.connect("footfall_owner") as owner:
        assert put(owner, "price_versions", right) is None
        for other, state in wrong:
            assert put(owner, "price_versions", {**right, **other}) == state, other


def test_the_end_of_the_transaction_is_no_way_around(till: Till) -> None:
    """The key to the change may wait until then, and no longer."""
    right = price_version(till, till.agreed(1100), amount_minor=1)
    names = ", ".join(right)
    statement = (
        f"INSERT INTO app.price_versions ({names}) VALUES ({', '.join(['%s'] * len(right))})"
    )
    with till.database.connect("footfall_owner") as owner:
        owner.autocommit = False
        owner.execute(statement.encode(), list(right.values()))
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            owner.commit()
    assert till.price() == 1000


def test_what_others_point_to_does_not_change(sold: Till) -> None:
    with sold.database.connect("footfall_owner") as owner:
        for statement in (
            "DELETE FROM app.approvals", "DELETE FROM app.approval_revisions",
            "DELETE FROM app.approval_verdicts", "DELETE FROM app.price_changes",
            "DELETE FROM app.price_versions", "DELETE FROM app.tiers",
            "UPDATE app.approval_revisions SET proposed_minor = 1",
            "UPDATE app.approval_revisions SET content_hash = sha256('')",
            "UPDATE app.approval_verdicts SET verdict = 2",
            "UPDATE app.price_changes SET new_minor = 1",
            "UPDATE app.price_changes SET effective_at = effective_at + interval '1 second'",
            "UPDATE app.price_versions SET amount_minor = 1 WHERE version = 2",
            "UPDATE app.approvals SET tier_id = 'other'",
        ):  # fmt: skip
            assert refusal(owner, statement) in {POINTS_NOWHERE, CHECKED}, statement


def test_verdicts_and_requests_are_whole(till: Till) -> None:
    asked = till.request(ANN, 900)
    verdict = {
        "org_id": till.org, "approval_id": asked, "revision": 1, "verdict": 1,
        "content_hash": till.state(asked)[2], "decided_by": "bob", "role": "admin",
        "notes": "yes", "decided_at": "now",
    }  # fmt: skip
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"role": "service"}, CHECKED), ({"role": "member"}, CHECKED), ({"role": None}, NOT_NULL),
        ({"role": "ADMIN "}, CHECKED), ({"notes": " "}, CHECKED), ({"notes": None}, NOT_NULL),
        ({"verdict": 4}, CHECKED), ({"verdict": 0}, CHECKED), ({"revision": 2}, POINTS_NOWHERE),
        ({"content_hash": bytes(32)}, POINTS_NOWHERE), ({"decided_by": None}, NOT_NULL),
    ]  # fmt: skip
    revision = {
        "org_id": till.org, "approval_id": asked, "revision": 2, "content_hash": bytes(32),
        "base_version": 1, "current_minor": 1000, "proposed_minor": 900, "currency": "EUR",
        "reason": "why", "evidence": Jsonb({}), "risks": Jsonb([]), "contributors": ["ann"],
        "made_at": "now",
    }  # fmt: skip
    unfit: list[tuple[dict[str, Any], str]] = [
        ({"content_hash": b"short"}, CHECKED), ({"reason": " "}, CHECKED),
        ({"contributors": []}, CHECKED), ({"revision": 1}, TAKEN),
        ({"approval_id": uuid4()}, POINTS_NOWHERE), ({"contributors": None}, NOT_NULL),
        ({"requested_effective_at": "infinity"}, CHECKED),
        ({"requested_effective_at": "12345-01-01"}, CHECKED),
    ]  # fmt: skip
    with till.database.connect("footfall_owner") as owner:
        for table, row, faults in (
            ("approval_verdicts", verdict, wrong), ("approval_revisions", revision, unfit),
        ):  # fmt: skip
            assert put(owner, table, row) is None
            for other, state in faults:
                assert put(owner, table, {**row, **other}) == state, other


def test_a_notice_is_of_a_change_and_runs_for_thirty_days(till: Till) -> None:
    change = till.agreed(1100)
    right = {
        "org_id": till.org, "price_change_id": change, "client_id": "c-1", "recorded_by": "ann",
        "delivered_at": "2026-03-01T00:00:00Z", "effective_at": "2026-03-31T00:00:00Z",
        "recorded_at": "now", "channel": "",
    }  # fmt: skip
    with till.database.connect("footfall_owner") as owner:
        assert put(owner, "price_notices", right) is None
        for other, state in (
            ({"effective_at": "2026-03-30T23:59:59.999999Z"}, CHECKED),
            ({"effective_at": "2026-02-01T00:00:00Z"}, CHECKED),
            ({"price_change_id": uuid4()}, POINTS_NOWHERE),
        ):
            assert put(owner, "price_notices", {**right, **other}) == state, other


def test_nobody_pays_a_price_that_there_is_not(sold: Till) -> None:
    row = {"org_id": sold.org, "subscription_id": "s-1", "valid_from": "now", "tier_id": "pro"}
    with sold.database.connect("footfall_owner") as owner:
        assert put(owner, "subscription_prices", {**row, "version": 2}) is None
        assert put(owner, "subscription_prices", {**row, "version": 3}) == POINTS_NOWHERE
