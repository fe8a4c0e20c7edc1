from __future__ import annotations

from psycopg import _queries

from services.event_ingest.events.queries import INSERT_EVENTS


def test_psycopg_remembers_how_to_send_it() -> None:
    """Beyond its limit it would take the statement apart for every call."""
    assert len(INSERT_EVENTS) <= _queries.MAX_CACHED_STATEMENT_LENGTH
