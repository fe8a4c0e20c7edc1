from __future__ import annotations

import pytest
from psycopg import _queries

from services.insight.profiles import queries as profiles
from services.insight.signals import queries as signals


@pytest.mark.parametrize(
    "statement",
    [
        profiles._SELECT_TALLY,
        profiles._SELECT_PAGE,
        signals._SELECT_SIGNALS,
        signals._SELECT_QUARTILE,
    ],
)
def test_psycopg_remembers_how_to_send_it(statement: str) -> None:
    """Beyond its limit it would take the statement apart for every call."""
    assert len(statement) <= _queries.MAX_CACHED_STATEMENT_LENGTH
