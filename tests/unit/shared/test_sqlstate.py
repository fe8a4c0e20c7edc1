"""What Postgres means, by SQLSTATE alone."""

from __future__ import annotations

import psycopg
import psycopg_pool
import pytest
import sqlalchemy.exc
from psycopg import errors as pg

from shared import errors
from shared.sqlstate import domain_error

MEANINGS: list[tuple[type[psycopg.Error], type[errors.FootfallError]]] = [
    (pg.InvalidTextRepresentation, errors.InvalidField),
    (pg.NumericValueOutOfRange, errors.InvalidField),
    (pg.UntranslatableCharacter, errors.InvalidField),
    (pg.CheckViolation, errors.InvalidField),
    (pg.UniqueViolation, errors.AlreadyExists),
    (pg.ForeignKeyViolation, errors.FailedPrecondition),
    (pg.InsufficientPrivilege, errors.NotFound),
    (pg.SerializationFailure, errors.ConcurrentChange),
    (pg.DeadlockDetected, errors.ConcurrentChange),
    (pg.DiskFull, errors.DatabaseAway),
    (pg.OutOfMemory, errors.DatabaseAway),
    (pg.TooManyConnections, errors.DatabaseAway),
    (pg.AdminShutdown, errors.DatabaseAway),
    (pg.CrashShutdown, errors.DatabaseAway),
    (pg.CannotConnectNow, errors.DatabaseAway),
    (pg.ConnectionFailure, errors.DatabaseAway),
    (pg.LockNotAvailable, errors.DeadlinePassed),
    (pg.QueryCanceled, errors.DeadlinePassed),
]


@pytest.mark.parametrize(("raised", "meant"), MEANINGS, ids=lambda one: one.__name__)
def test_each_state_has_one_meaning_also_behind_sqlalchemy(
    raised: type[psycopg.Error], meant: type[errors.FootfallError]
) -> None:
    original = raised("SELECT secret FROM t")
    wrapped = sqlalchemy.exc.DBAPIError("SELECT secret FROM t", {}, original)
    for error in (original, wrapped):
        found = domain_error(error)
        assert type(found) is meant
        assert "secret" not in str(found)


def test_a_broken_connection_is_a_database_that_is_away() -> None:
    assert isinstance(domain_error(psycopg.OperationalError("gone")), errors.DatabaseAway)
    assert isinstance(domain_error(psycopg_pool.PoolClosed("closed")), errors.DatabaseAway)


def test_a_pool_that_is_used_up_is_overload() -> None:
    assert isinstance(domain_error(psycopg_pool.PoolTimeout("2 s")), errors.Overloaded)


@pytest.mark.parametrize(
    "error", [pg.UndefinedTable("t"), psycopg.InterfaceError("misuse"), ValueError("x")], ids=repr
)
def test_what_only_we_can_have_caused_has_no_meaning_for_callers(error: Exception) -> None:
    assert domain_error(error) is None
