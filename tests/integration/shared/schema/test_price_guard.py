"""What the functions promise to whoever calls them: consent, notice, content."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from tests.guarding import ANN, BOB, CARL, LOGIN, NOTICE, ROBOT, Till, enrol, identified
from tests.organisations import add_organisation

_SECOND = timedelta(seconds=1)


def test_a_decrease_takes_effect_with_the_consent_of_another(till: Till) -> None:
    change = till.request(ANN, 900)
    assert till.decide(ANN, change) == "SELF_APPROVAL"
    assert till.decide(BOB, change) == "OK"
    assert till.apply(change) == "OK"
    assert till.price() == 900
    assert till.apply(change) == "ALREADY_APPLIED"
    assert till.price() == 900


def test_an_increase_waits_for_its_notice(till: Till) -> None:
    change = till.agreed(1100)
    assert till.apply(change) == "TOO_EARLY"
    till.travel(change, NOTICE - timedelta(minutes=5))
    assert till.apply(change) == "TOO_EARLY"
    till.travel(change, timedelta(minutes=6))
    assert till.apply(change) == "OK"
    assert till.price() == 1100


@pytest.mark.parametrize("verdict", [2, 3])
def test_no_verdict_but_consent_makes_a_change(till: Till, verdict: int) -> None:
    asked = till.request(ANN, 900)
    assert till.decide(BOB, asked, verdict) == "OK"
    assert till.apply(asked) == "NOT_FOUND"
    assert till.decide(CARL, asked, role="owner") == "DECIDED"
    assert till.price() == 1000


@pytest.mark.parametrize(
    ("who", "role"),
    [
        (ROBOT, "service"), (ROBOT, "admin"), (ROBOT, "owner"), ("nobody", "owner"),
        ("mia", "admin"), (BOB, "service"), (BOB, "ingest"), (BOB, "ADMIN"), (BOB, "admin "),
        (BOB, "owner,service"), (BOB, ""), (BOB, None), (BOB, "member"), ("", "admin"),
        (None, "admin"), ("bob ", "admin"), ("BOB", "admin"),
    ],
)  # fmt: skip
def test_who_is_no_admin_never_decides(till: Till, who: str | None, role: str | None) -> None:
    asked = till.request(ANN, 900)
    assert till.decide(who, asked, role=role) == "ROLE"
    assert till.state(asked)[0] == 1


def test_who_is_an_admin_no_more_decides_no_more(till: Till) -> None:
    asked = till.request(ANN, 900)
    till.database.execute("UPDATE app.members SET disabled = true WHERE subject = 'bob'")
    assert till.decide(BOB, asked) == "ROLE"
    till.database.execute("UPDATE app.members SET disabled = false, role = 'service'")
    assert till.decide(BOB, asked) == "ROLE"


def test_who_asked_or_revised_or_had_it_done_never_decides(till: Till) -> None:
    asked = till.request(ANN, 900)
    revised = till.request(ROBOT, 850, approval=asked, etag=1, actor=BOB)
    assert revised == asked
    for who in (ANN, BOB):
        assert till.decide(who, asked) == "SELF_APPROVAL"
    assert till.decide(CARL, asked, role="owner") == "OK"


def test_consent_is_to_exactly_one_content(till: Till) -> None:
    asked, other = till.request(ANN, 900), till.request(ANN, 900)
    _, etag, content = till.state(asked)
    till.request(ANN, 800, approval=asked, etag=etag)
    assert till.decide(BOB, asked, etag=etag, content=content) == "ETAG"
    for wrong in (content, till.state(other)[2], b"", bytes(32), None):
        assert till.decide(BOB, asked, content=wrong) == "CONTENT"
    for wrong_etag in (etag, 0, -1, 3, 2**62, None):
        assert till.decide(BOB, asked, etag=wrong_etag) == "ETAG"
    assert till.state(asked)[0] == 1
    assert till.decide(BOB, asked) == "OK"
    assert till.apply(asked) == "OK"
    assert till.price() == 800


def test_every_part_of_a_request_is_content(till: Till) -> None:
    """Two requests that differ in anything have two hashes, even if only their place does."""
    till.tier("plus")
    later = datetime.now(UTC) + timedelta(days=50)
    asked = [
        till.request(ANN, 900), till.request(ANN, 900), till.request(ANN, 901),
        till.request(ANN, 900, effective=later), till.request(ANN, 900, effective=later + _SECOND),
        till.request(ANN, 900, reason="why else"), till.request(ANN, 900, tier="plus"),
    ]  # fmt: skip
    assert len({till.state(one)[2] for one in asked}) == len(asked)


def test_the_consent_to_one_tier_is_none_to_another(till: Till) -> None:
    till.tier("plus", 5000)
    cheap = till.request(ANN, 900)
    dear = till.request(ANN, 100, tier="plus")
    assert till.decide(BOB, cheap, asked=dear) == "CONTENT"
    assert till.send_request(ANN, 100, approval=cheap, etag=1, tier="plus") == "TIER"
    assert till.decide(BOB, cheap) == "OK"
    assert till.apply(cheap) == "OK"
    assert (till.price(), till.price("plus")) == (900, 5000)


@pytest.mark.parametrize("verdict", [None, 0, 4, -1])
def test_there_are_three_verdicts_and_each_has_its_reason(till: Till, verdict: int | None) -> None:
    asked = till.request(ANN, 900)
    if verdict is None:
        with pytest.raises(psycopg.errors.NotNullViolation):
            till.decide(BOB, asked, verdict)
        for notes in ("", " \n\t", None):
            assert till.decide(BOB, asked, notes=notes) == "INCOMPLETE"
    else:
        assert till.decide(BOB, asked, verdict) == "INCOMPLETE"
    assert till.state(asked)[0] == 1


def test_a_request_is_whole_and_of_somebody(till: Till) -> None:
    assert till.send_request(None, 900) == "INCOMPLETE"
    assert till.send_request("", 900) == "INCOMPLETE"
    for blank in (" ", "\n\t "):
        assert till.send_request(ANN, 900, reason=blank) == "INCOMPLETE"
    assert till.send_request(ANN, 1000) == "SAME_PRICE"
    assert till.send_request(ANN, 900, currency="USD") == "CURRENCY"
    assert till.send_request(ANN, 900, tier="Pro") == "NOT_FOUND"
    assert till.send_request(ANN, 900, etag=1) == "NOT_FOUND"
    soon = datetime.now(UTC) + NOTICE - timedelta(minutes=1)
    assert till.send_request(ANN, 1100, effective=soon) == "NOTICE"
    for moment in ("infinity", "-infinity", "10000-01-01T00:00:00Z"):
        with pytest.raises(psycopg.Error):
            till.send_request(ANN, 900, effective=moment)
    with pytest.raises(psycopg.errors.NotNullViolation):
        till.send_request(ANN, None)


def test_what_is_decided_or_over_is_not_revised(till: Till) -> None:
    change = till.agreed(900)
    assert till.send_request(ANN, 800, approval=change, etag=2) == "DECIDED"
    assert till.send_request(ANN, 800, approval=change) == "EXISTS"
    assert till.decide(CARL, change, 2, role="owner") == "DECIDED"
    assert till.apply(change) == "OK"


def test_a_request_on_an_older_price_is_stale(till: Till) -> None:
    early, change = till.request(ANN, 700), till.agreed(900)
    waiting = till.agreed(800)
    assert till.apply(change) == "OK"
    assert till.state(early)[0] == 5
    assert till.decide(BOB, early) == "DECIDED"
    assert till.apply(waiting) in {"STALE", "OVER"}
    assert till.price() == 900


def test_a_request_ends_after_fourteen_days(till: Till) -> None:
    asked = till.request(ANN, 900)
    till.database.execute("UPDATE app.approvals SET expires_at = now() - interval '1 second'")
    assert till.decide(BOB, asked) == "EXPIRED"
    assert till.state(asked)[0] == 6


def test_a_first_price_is_first_once(till: Till) -> None:
    for amount in (1000, 1):
        assert till.first("pro", amount) == "EXISTS"
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        till.first("no-tier", 1)
    assert till.price() == 1000


def test_a_notice_was_delivered_between_the_approval_and_now(till: Till) -> None:
    till.subscribe()
    change, now = till.agreed(1100), datetime.now(UTC)
    assert till.notice(change, "c-2") == "SUBSCRIPTION"
    for moment in (now - timedelta(hours=1), now + timedelta(hours=1), "infinity", "-infinity"):
        assert till.notice(change, delivered=moment) == "TIME"
    assert till.notice(change) == "OK"
    assert till.notice(change) == "EXISTS"


def test_nobody_pays_more_before_their_own_notice_has_run(till: Till) -> None:
    """Nor by leaving the tier and coming back to it."""
    till.subscribe()
    till.subscribe("s-2", "c-2")
    till.tier("other", 1)
    change = till.ripe(1100)
    assert till.apply(change) == "OK"
    assert till.notice(change) == "OK"
    assert till.reach() == []
    for tier in ("other", "pro"):
        till.ask(
            ANN, "admin",
            "UPDATE app.subscriptions SET tier_id = %s WHERE org_id = %s RETURNING 1",
            tier, till.org,
        )  # fmt: skip
        assert (till.price_of("s-1"), till.price_of("s-2")) == ("OK", "OK")
    assert till.reach() == []
    assert (till.pays("s-1"), till.pays("s-2")) == (1000, 1000)
    till.database.execute(
        "UPDATE app.price_notices SET delivered_at = delivered_at - %s,"
        " effective_at = effective_at - %s", NOTICE, NOTICE,
    )  # fmt: skip
    assert till.reach() == ["s-1"]
    assert (till.pays("s-1"), till.pays("s-2")) == (1100, 1000)


def test_a_word_that_is_undone_leaves_everything_as_it_was(till: Till) -> None:
    """Who goes back to a savepoint after a refusal has won nothing."""
    asked = till.request(ANN, 900)
    _, etag, content = till.state(asked)
    till.database.execute("UPDATE app.approvals SET expires_at = now() - interval '1 second'")
    decide = "SELECT app.price_decide(%s, %s, %s, %s, 1::smallint, 'yes', %s)"
    parameters = (till.org, asked, etag, content, asked)
    with till.database.connect(LOGIN) as connection, connection.transaction():
        identified(connection, till.org, "admin", BOB)
        for _ in range(2):
            with connection.transaction(force_rollback=True):
                assert connection.execute(decide, parameters).fetchone() == ("EXPIRED",)
        assert connection.execute(decide, parameters).fetchone() == ("EXPIRED",)
        assert connection.execute(decide, parameters).fetchone() == ("ETAG",)
    assert till.state(asked)[0] == 6


def test_who_looks_at_an_older_moment_does_not_decide_on_it(till: Till) -> None:
    """A snapshot from before a revision shows a content that is no longer asked for."""
    asked = till.request(ANN, 900)
    _, etag, content = till.state(asked)
    with till.database.connect(LOGIN) as connection:
        connection.autocommit = False
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        identified(connection, till.org, "admin", BOB)
        connection.execute("SELECT count(*) FROM app.approvals")
        till.request(ANN, 800, approval=asked, etag=etag)
        with pytest.raises(psycopg.errors.SerializationFailure):
            connection.execute(
                "SELECT app.price_decide(%s, %s, %s, %s, 1::smallint, 'yes', %s)",
                (till.org, asked, etag, content, asked),
            )
    assert till.state(asked)[0] == 1


def test_no_function_reaches_another_organisation(till: Till) -> None:
    """Whichever organisation is named, the transaction's is the one that is seen."""
    globex = add_organisation(till.database, "Globex")
    enrol(globex)
    theirs = Till(globex)
    theirs.tier()
    theirs.subscribe("s-9", "c-9")
    asked, change = theirs.request(ANN, 900), theirs.agreed(800)
    state, etag, content = theirs.state(asked)
    refused = {
        "SELECT app.price_decide(%s, %s, %s, %s, 1::smallint, 'yes', %s)":
            (asked, etag, content, uuid4()),
        "SELECT app.price_withdraw(%s, %s, 1)": (asked,),
        "SELECT app.price_apply(%s, %s)": (change,),
        "SELECT app.price_cancel(%s, %s, 1, 'no')": (change,),
        "SELECT app.price_notice(%s, %s, 'c-9', NULL, 'post', 'ann')": (change,),
        "SELECT app.price_subscribe(%s, 's-9')": (),
    }  # fmt: skip
    for org in (till.org, theirs.org):
        for statement, parameters in refused.items():
            word = till.ask(ANN, "admin", statement, org, *parameters)
            assert word in {"NOT_FOUND", "ROLE"}, statement
    assert till.send_request(ANN, 700, org=theirs.org) == "NOT_FOUND"
    assert till.send_request(ANN, 700, org=theirs.org, approval=asked, etag=etag) == "NOT_FOUND"
    for nothing in ("price_expire(%s, 2147483647)", "price_reach(%s, 'pro', '{s-9}')"):
        assert till.ask(ANN, "admin", f"SELECT app.{nothing}", theirs.org) is None
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        till.ask(ANN, "admin", "SELECT app.price_first(%s, 'pro', 'EUR', 1)", theirs.org)
    assert (theirs.state(asked), theirs.price()) == ((state, etag, content), 1000)


@pytest.mark.parametrize("role", ["member", "", "nobody", None])
def test_who_is_nobody_or_a_member_finds_nothing(till: Till, role: str | None) -> None:
    asked = till.request(ANN, 900)
    with till.database.connect(LOGIN) as connection, connection.transaction():
        identified(connection, till.org if role else None, role or "admin", ANN)
        for function in ("price_withdraw(%s, %s, 1)", "price_apply(%s, %s)"):
            found = connection.execute(f"SELECT app.{function}".encode(), (till.org, asked))
            assert found.fetchone() == ("NOT_FOUND",)
    assert till.state(asked)[0] == 1
