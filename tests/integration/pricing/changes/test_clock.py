"""Notice is 720 hours by the database's clock, whatever zones, days and clocks say besides."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest

from shared.clock import Clock
from tests.effecting import Hands, change_row, state_of
from tests.guarding import ANN, BOB, NOTICE, Till
from tests.postgres import Connection

APPROVED = (
    "UPDATE app.price_changes SET approved_at = %s, effective_at = %s WHERE price_change_id = %s"
)
MICROSECOND = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)

ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe")
NEW_YORK, BERLIN, LORD_HOWE = (ZoneInfo(zone) for zone in ZONES[1:])
MOMENTS = (
    datetime(2026, 2, 20, 12, tzinfo=NEW_YORK),  # 30 days with an hour less
    datetime(2026, 10, 20, 12, tzinfo=NEW_YORK),  # with an hour more
    datetime(2026, 11, 1, 1, 30, fold=1, tzinfo=NEW_YORK),  # in the hour that is there twice
    datetime(2026, 2, 27, 2, 30, tzinfo=BERLIN),  # ends about where an hour is missing
    datetime(2026, 10, 1, tzinfo=BERLIN),
    datetime(2026, 3, 20, tzinfo=LORD_HOWE),  # whose clock moves by half an hour
    datetime(2028, 2, 10, tzinfo=UTC),  # with a 29 February
    datetime(2028, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2027, 2, 10, tzinfo=UTC),  # without one
    datetime(2026, 12, 15, tzinfo=UTC),
)


@pytest.fixture(params=ZONES)
def admin(till: Till, request: pytest.FixtureRequest) -> Iterator[Connection]:
    """A superuser whose session lives in some zone."""
    with till.database.connect() as connection:
        connection.execute(f"SET timezone = '{request.param}'".encode())
        yield connection


def refused(connection: Connection, statement: str, *values: object) -> str | None:
    """By which constraint; None when it is taken. Undone in any case."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement.encode(), values)
    except psycopg.errors.CheckViolation as error:
        return error.diag.constraint_name
    return None


def test_of_an_increase_720_hours_are_enough_and_a_microsecond_less_is_not(
    till: Till, admin: Connection
) -> None:
    change = till.agreed(1100)
    for approved in MOMENTS:
        instant = approved.astimezone(UTC)
        for off in (timedelta(0), MICROSECOND, SECOND):
            assert refused(admin, APPROVED, approved, instant + NOTICE + off, change) is None
        for off in (MICROSECOND, SECOND):
            verdict = refused(admin, APPROVED, approved, instant + NOTICE - off, change)
            assert verdict == "price_changes_notice", approved


def test_thirty_days_of_the_calendar_are_not_720_hours_where_the_clock_springs(till: Till) -> None:
    """In New York they are an hour less, and so too little; in autumn an hour more."""
    change = till.agreed(1100)
    with till.database.connect() as connection:
        connection.execute(b"SET timezone = 'America/New_York'")
        spring, autumn = MOMENTS[:2]
        verdict = refused(connection, APPROVED, spring, spring + 30 * DAY, change)
        assert verdict == "price_changes_notice"
        assert refused(connection, APPROVED, autumn, autumn + 30 * DAY, change) is None


def test_of_a_notice_too(till: Till, admin: Connection) -> None:
    change = till.agreed(1100)
    statement = (
        "INSERT INTO app.price_notices (org_id, price_change_id, client_id, delivered_at,"
        " effective_at, recorded_at, recorded_by, channel)"
        " VALUES (%s, %s, 'c', %s, %s, now(), 'ann', '')"
    )
    for delivered in MOMENTS:
        until, about = delivered.astimezone(UTC) + NOTICE, (till.org, change, delivered)
        assert refused(admin, statement, *about, until) is None
        assert refused(admin, statement, *about, until - MICROSECOND) == "price_notices_notice"


def test_no_change_is_applied_before_its_time(till: Till, admin: Connection) -> None:
    change = till.agreed(900)
    statement = (
        "UPDATE app.price_changes SET applied_at = effective_at + %s WHERE price_change_id = %s"
    )
    assert refused(admin, statement, timedelta(0), change) is None
    verdict = refused(admin, statement, -MICROSECOND, change)
    assert verdict == "price_changes_not_before_its_time"


@pytest.mark.parametrize("zone", ZONES)
def test_the_guard_counts_hours_in_every_zone(till: Till, zone: str) -> None:
    """A session of the service in a zone where some day has 23, 23½ or 25 hours."""
    change = till.request(ANN, 1100)
    _, etag, content = till.state(change)
    with till.database.connect("footfall_pricing") as connection, connection.transaction():
        connection.execute(f"SET timezone = '{zone}'".encode())
        connection.execute("SELECT app.set_identity(%s, 'admin', %s)", (till.org, BOB))
        decide = "SELECT app.price_decide(%s, %s, %s, %s, 1::smallint, 'yes', %s)"
        row = connection.execute(decide, (till.org, change, etag, content, change)).fetchone()
        assert row == ("OK",)
    [(notice,)] = till.database.execute(
        "SELECT effective_at - approved_at FROM app.price_changes WHERE price_change_id = %s",
        change,
    )
    assert notice == NOTICE


def test_a_time_that_leaves_too_little_notice_is_refused_when_it_is_asked_for(till: Till) -> None:
    """What the database's own clock said is the measure, as it is not told from outside."""
    ask = (
        "SELECT app.price_request(%s, %s, NULL, 'pro', %s, 'EUR', clock_timestamp() + %s, 'why',"
        " '{}', '[]', 'ann', NULL, NULL)"
    )
    soon = (
        (NOTICE - SECOND, 1100, "NOTICE"),
        (NOTICE - timedelta(milliseconds=200), 1100, "NOTICE"),
        (NOTICE + SECOND * 30, 1100, "OK"),
        (-SECOND, 900, "OK"),
    )
    for ahead, amount, word in soon:
        assert till.ask(ANN, "admin", ask, till.org, uuid4(), amount, ahead) == word


def test_with_exactly_720_hours_it_is_taken(till: Till) -> None:
    """To the microsecond: with the clock of the database standing still."""
    with till.database.connect() as connection:
        for function in ("price_request", "price_decide"):
            freeze(connection, function)
    at = datetime(2028, 2, 1, tzinfo=UTC) + NOTICE
    assert till.send_request(ANN, 1100, effective=at - MICROSECOND) == "NOTICE"
    assert till.send_request(ANN, 1100, effective=at - SECOND) == "NOTICE"
    change = till.request(ANN, 1100, effective=at)
    assert till.decide(BOB, change) == "OK"
    row = change_row(till, change)
    assert datetime.fromisoformat(row["effective_at"]) == at


def freeze(connection: Connection, function: str) -> None:
    """Let a function of the guard believe that it is the first of February 2028."""
    [(source,)] = connection.execute(
        "SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n"
        " ON n.oid = p.pronamespace WHERE n.nspname = 'app' AND p.proname = %s", (function,),
    ).fetchall()  # fmt: skip
    assert "clock_timestamp()" in source
    still = source.replace("clock_timestamp()", "timestamptz '2028-02-01 00:00:00+00'")
    connection.execute(still.encode())


class Ahead:
    """The clock of a machine that is wrong by so much."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return datetime.now(UTC) + self._by

    def monotonic(self) -> float:
        return time.monotonic() + self._by.total_seconds()


@pytest.mark.parametrize("by", [timedelta(hours=25), timedelta(days=-40)], ids=["ahead", "behind"])
async def test_a_worker_whose_clock_is_wrong_does_nothing_too_early_and_nothing_too_late(
    till: Till, worker: Hands, by: timedelta
) -> None:
    clock: Clock = Ahead(by)
    wrong = Hands(worker.database, worker.across, clock)
    early = till.agreed(1100)
    till.travel(early, NOTICE - timedelta(minutes=5))
    till.tier("max", 5000)
    due = till.agreed(4000, "max")
    request = till.request(ANN, 950)
    till.database.execute("UPDATE app.approvals SET expires_at = now() + interval '1 hour'")
    assert [one.price_change_id for one in (await wrong.applying.apply_due()).changes] == [due]
    assert await wrong.expiring.expire_due() == 0
    assert await wrong.reviewing.review_due() == []
    assert (state_of(till, early), till.state(request)[0]) == (2, 1)
