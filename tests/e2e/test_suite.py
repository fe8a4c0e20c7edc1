"""The programs of the suite as they are: all of them, or those that somebody chose."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest

from services.cli.suite import SUITE
from shared.data_dir import DataDir
from tests.postgres import scratch_data_dir
from tests.ups import footfall, serves, up

ALL = {program.name for program in SUITE}
OF_EVENT_INGEST = {"event_ingest", "event_ingest_worker"}
OF_INSIGHT = ALL - OF_EVENT_INGEST


@pytest.fixture
def data_dir() -> Iterator[DataDir]:
    with scratch_data_dir() as scratch:
        yield scratch


def test_all_of_it_starts_serves_and_is_known_to_status_and_doctor(data_dir: DataDir) -> None:
    with up(data_dir) as running:
        line = running.line
        assert set(line["pids"]) == ALL | {"postgres"}
        for program in SUITE:
            assert (program.name in line) == (program.port is not None)
            assert program.port is None or serves(line[program.name])
        where = ("--data-dir", str(data_dir.root))
        shown = footfall("services.cli", "status", *where).stdout
        assert shown.count(" serving") == sum(program.port is not None for program in SUITE)
        report = json.loads(footfall("services.cli", "doctor", "--json", *where).stdout)
        about = {finding["about"]: finding["state"] for finding in report["findings"]}
        wanted = {login for program in SUITE for login in program.logins}
        assert {about[f"database, {login}"] for login in wanted} == {"ok"}
        assert (about["event-ingest"], about["insight"]) == ("ok", "ok")
        assert running.end(signal.SIGTERM)[0] == 0


@pytest.mark.parametrize(
    ("only", "programs"), [("event-ingest", OF_EVENT_INGEST), ("insight", OF_INSIGHT)]
)
def test_of_what_is_chosen_nothing_else_starts(
    data_dir: DataDir, only: str, programs: set[str]
) -> None:
    with up(data_dir, "--only", only) as running:
        line = running.line
        assert set(line["pids"]) == programs | {"postgres"}
        assert not set(line) & (ALL - programs)
        assert serves(line[only.replace("-", "_")])
        assert running.end(signal.SIGTERM)[0] == 0
