from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import psycopg
import pytest

from shared.telemetry import logs
from tests.organisations import Organisation

INSERT = (
    "INSERT INTO app.members (org_id, subject, role, created_at)"
    " VALUES (%s, 'mia@example.org', 'owner', now())"
)


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    before = logger.handlers[:], logger.level, logging.raiseExceptions
    yield logger
    logger.handlers[:], level, logging.raiseExceptions = before
    logger.setLevel(level)


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_log_line_does_not_say_what_postgres_says_of_a_row(
    organisation: Organisation, log_format: str
) -> None:
    """Its DETAIL quotes keys, and so people, also where the error is the cause of another."""
    out = io.StringIO()
    logs.install("info", log_format, dict, out)
    organisation.database.execute(INSERT, organisation.org_id)
    with pytest.raises(psycopg.errors.UniqueViolation, match=r"mia@example\.org") as failed:
        organisation.database.execute(INSERT, organisation.org_id)
    wrapped = ExceptionGroup("some", [RuntimeError("job failed")])
    wrapped.exceptions[0].__cause__ = failed.value
    logs.LOG.error("failed", exc_info=wrapped)
    assert "duplicate key value" in out.getvalue()
    assert "mia@example.org" not in out.getvalue()
