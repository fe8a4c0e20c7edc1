"""`footfall journey watch`, over messages that are already there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from click.testing import CliRunner

from footfall.journey.v1.clients_pb2 import ClientStanding
from footfall.journey.v1.watch_pb2 import WatchJourneysResponse
from services.cli.following import Following
from services.cli.journey.organisation_commands import watch

MESSAGES = [
    WatchJourneysResponse(
        clients=[ClientStanding(client_id=one) for one in ids], resume_token=token
    )
    for ids, token in (("a", "t-1"), ("bc", "t-2"))
]


@pytest.fixture(autouse=True)
def _messages(monkeypatch: pytest.MonkeyPatch) -> None:
    async def messages(
        self: Following[Any], notice: Callable[[str], None]
    ) -> AsyncIterator[WatchJourneysResponse]:
        del notice
        for message in MESSAGES:
            yield message
            self.token = message.resume_token

    monkeypatch.setattr(Following, "messages", messages)


@pytest.mark.parametrize(("count", "token"), [(1, "t-1"), (2, "t-1"), (3, "t-2")])
def test_a_watch_that_counts_says_how_to_go_on_without_a_gap(count: int, token: str) -> None:
    arguments = ["--count", str(count), "--json", "--key", "ff_x", "--address", "127.0.0.1:1"]
    told = CliRunner().invoke(watch, arguments)
    assert told.exit_code == 0, told.output
    assert len(told.stdout.splitlines()) == count
    assert told.stderr == f"Go on with: --resume-token {token}\n"
