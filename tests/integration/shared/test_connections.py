"""For how long a connection waits: for an answer of the network, and for a lock."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from shared.database import Database, Statement, Tenant
from tests.organisations import Organisation


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the system has no such option")
async def test_what_is_never_acknowledged_breaks_a_connection_after_ten_seconds(
    organisation: Organisation,
) -> None:
    url = organisation.database.urls["footfall_event_ingest"]
    database = Database(url, application_name="test", size=1)
    await database.open()
    tenant = Tenant(organisation.org_id, "service", "backend")
    async with database.raw_transaction(tenant) as raw:
        with socket.socket(fileno=socket.dup(raw.fileno())) as link:
            assert link.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
    await database.close()


async def test_who_is_hurried_gives_up_on_locks_soon_and_only_there(
    organisation: Organisation,
) -> None:
    url = organisation.database.urls["footfall_event_ingest"]
    database = Database(url, application_name="test", size=1)
    await database.open()
    patience = Statement(
        Tenant(organisation.org_id, "service", "backend"),
        "SELECT current_setting('lock_timeout')",
        (),
    )
    for statement, expected in (
        (replace(patience, hurried=True), "500ms"),
        (patience, "5s"),
    ):
        assert await database.in_one_round_trip([statement]) == [(expected,)]
    await database.close()
