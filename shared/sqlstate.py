"""From SQLSTATE to domain error: the one place that knows what Postgres means.

Never by message or constraint name: those change with versions, languages and migrations. None
means that the caller gets INTERNAL, since only a fault of ours can have led there.
"""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
import psycopg_pool
import sqlalchemy.exc

from shared import errors

_EXACT: Mapping[str, type[errors.FootfallError]] = {
    "23514": errors.InvalidField,  # check_violation
    "23505": errors.AlreadyExists,  # unique_violation
    "23503": errors.FailedPrecondition,  # foreign_key_violation
    "42501": errors.NotFound,  # insufficient_privilege: what a row policy hides does not exist
    "40001": errors.ConcurrentChange,  # serialization_failure
    "40P01": errors.ConcurrentChange,  # deadlock_detected
    "57P01": errors.DatabaseAway,  # admin_shutdown
    "57P02": errors.DatabaseAway,  # crash_shutdown
    "57P03": errors.DatabaseAway,  # cannot_connect_now
    "57P05": errors.DatabaseAway,  # idle_session_timeout
    "25006": errors.DatabaseAway,  # read_only_sql_transaction: a standby that is not promoted yet
    "25P03": errors.DatabaseAway,  # idle_in_transaction_session_timeout
    "55P03": errors.DeadlinePassed,  # lock_not_available
    "57014": errors.DeadlinePassed,  # query_canceled
}
_BY_CLASS: Mapping[str, type[errors.FootfallError]] = {
    "08": errors.DatabaseAway,  # connection exceptions
    "53": errors.DatabaseAway,  # insufficient resources: disk full, out of memory, connections
    "58": errors.DatabaseAway,  # system errors outside Postgres: an I/O error of its disk
    "22": errors.InvalidField,  # data exceptions
}
RETRYABLE = frozenset({"40001", "40P01"})
"""A repeat of the same transaction may succeed at once."""


def domain_error(error: BaseException) -> errors.FootfallError | None:
    """What a driver's error means for the caller; None when it is none of its business."""
    cause = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else error
    if isinstance(cause, psycopg_pool.PoolTimeout | psycopg_pool.TooManyRequests):
        return errors.Overloaded("The database connections are all in use.")
    if isinstance(cause, psycopg_pool.PoolClosed):
        return errors.DatabaseAway()
    if not isinstance(cause, psycopg.Error):
        return None
    if cause.sqlstate is None:  # the driver itself: the connection broke or could not be made
        return errors.DatabaseAway() if isinstance(cause, psycopg.OperationalError) else None
    found = _EXACT.get(cause.sqlstate) or _BY_CLASS.get(cause.sqlstate[:2])
    return found() if found else None
