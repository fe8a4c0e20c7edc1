"""`footfall run` and `footfall health`, as containers and service managers use them."""

from __future__ import annotations

import signal

import pytest
from click.testing import CliRunner

from services.cli.__main__ import main
from services.cli.suite import named
from tests.postgres import MigratedDatabase
from tests.programs import program


@pytest.mark.parametrize("name", ["event-ingest", "insight"])
async def test_run_becomes_the_service_that_health_asks_and_sigterm_stops(
    database: MigratedDatabase, name: str
) -> None:
    environ = {**database.environ, "FOOTFALL_DATA_DIR": str(database.data_dir.root)}
    async with program("services.cli", "run", name, environ=environ) as service:
        await service.heard("state")  # the first that it says is `ready`
        port = service.address.rpartition(":")[2]
        async with program(
            "services.cli", "health", name, environ={f"{named(name).prefix}_PORT": port}
        ) as health:
            assert await health.ended() == 0
        service.send(signal.SIGTERM)
        assert await service.ended() == 0


def test_health_fails_where_nothing_serves() -> None:
    asked = CliRunner().invoke(
        main, ["health", "event-ingest"], env={"FOOTFALL_EVENT_INGEST_PORT": "1"}
    )
    assert asked.exit_code == 1
    assert asked.output == "Error: event-ingest does not serve at 127.0.0.1:1.\n"


@pytest.mark.parametrize("command", ["run", "health"])
def test_a_service_that_is_not_there_is_answered_with_those_that_are(command: str) -> None:
    answer = CliRunner().invoke(main, [command, "ingest"])
    assert answer.exit_code == 1
    assert answer.output.startswith("Error: There is no service ingest; there are: event-ingest, ")
