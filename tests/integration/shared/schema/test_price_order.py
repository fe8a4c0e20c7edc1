"""Who comes first, who waits for whom, and who for nobody: by the functions alone."""

from __future__ import annotations

import psycopg
import pytest

from tests.guarding import ANN, LOGIN, Till, identified
from tests.postgres import Connection


def as_robot(connection: Connection, till: Till) -> Connection:
    connection.autocommit = False
    identified(connection, till.org, "admin", ANN)
    return connection


ASK = (
    b"SELECT app.price_request(%s, gen_random_uuid(), NULL, 'pro', 700, 'EUR', NULL, 'why', '{}',"
    b" '[]', 'ann', NULL, NULL)"
)


def test_of_two_that_are_due_the_older_is_applied_first_whichever_is_asked_for(till: Till) -> None:
    older, newer = till.agreed(900), till.agreed(800)
    assert till.apply(newer) == "AFTER_ANOTHER"
    assert till.price() == 1000
    assert till.apply(older) == "OK"
    assert till.apply(newer) == "OVER"
    assert till.price() == 900


def test_an_older_one_of_another_tier_is_not_waited_for(till: Till) -> None:
    till.tier("plus", 5000)
    till.agreed(4000, "plus")
    assert till.apply(till.agreed(900)) == "OK"


def test_a_tier_without_a_price_in_force_is_said_to_have_none_at_once(till: Till) -> None:
    """That comes of a repair by hand alone."""
    change = till.agreed(900)
    till.database.execute("UPDATE app.price_versions SET valid_to = now()")
    for act in (lambda: till.send_request(ANN, 800), lambda: till.apply(change), till.reach):
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
            act()
    till.database.execute("UPDATE app.price_versions SET valid_to = NULL")
    assert till.apply(change) == "OK"


def test_who_asks_passes_by_nobody_who_waits_to_move_the_price(till: Till) -> None:
    with till.database.connect(LOGIN) as one, till.database.connect(LOGIN) as other:
        assert as_robot(one, till).execute(ASK, (till.org,)).fetchone() == ("OK",)
        as_robot(other, till).execute(b"SET lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute(ASK, (till.org,))


def test_who_moves_to_another_tier_is_not_reached_by_a_price_of_the_one_they_left(
    till: Till,
) -> None:
    till.tier("plus", 5000)
    till.subscribe()
    assert till.apply(till.agreed(900)) == "OK"
    with till.database.connect(LOGIN) as mover:
        move_to_plus(mover, till)
        assert till.reach() == [], "who looks at the moment before sees them on the tier"
        mover.commit()
    assert till.pays() == 5000
    assert till.apply(till.agreed(4000, "plus")) == "OK"
    assert (till.reach(), till.reach("plus")) == ([], ["s-1"])
    assert till.pays() == 4000


def test_who_stays_after_all_is_reached(till: Till) -> None:
    till.tier("plus", 5000)
    till.subscribe()
    assert till.apply(till.agreed(900)) == "OK"
    with till.database.connect(LOGIN) as mover:
        move_to_plus(mover, till)
        mover.rollback()
    assert till.reach() == ["s-1"]
    assert till.pays() == 900


def move_to_plus(mover: Connection, till: Till) -> None:
    as_robot(mover, till).execute(b"UPDATE app.subscriptions SET tier_id = 'plus'")
    mover.execute(b"SELECT app.price_subscribe(%s, 's-1')", (till.org,))
