"""The programs of the suite as they are: all of them, or those that somebody chose."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from services.cli.suite import SUITE, Program
from shared.data_dir import DataDir
from tests.postgres import scratch_data_dir
from tests.ups import footfall, until_serving, up

ALL = {program.name for program in SUITE}
OF_EVENT_INGEST = {"event_ingest", "event_ingest_worker"}
OF_INSIGHT = {"insight", "insight_worker"}
OF_JOURNEY = {"journey", "journey_worker"}
OF_PRICING = ALL - OF_EVENT_INGEST - OF_INSIGHT - OF_JOURNEY


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
            if program.port is not None:
                until_serving(line[program.name])
            tells_where_those_are_that_it_calls(program, line)
        shown = footfall("services.cli", "status", "--data-dir", str(data_dir.root)).stdout
        assert {row.split()[0] for row in shown.splitlines()[1:]} == ALL | {"postgres"}
        until_the_doctor_finds_all_well(data_dir)
        assert running.end(signal.SIGTERM)[0] == 0


def tells_where_those_are_that_it_calls(program: Program, line: Mapping[str, Any]) -> None:
    """Their ports are any free ones here."""
    if sys.platform == "linux":
        environment = Path(f"/proc/{line['pids'][program.name]}/environ").read_text().split("\0")
        for called in program.calls:
            assert f"FOOTFALL_{called.upper()}_ADDRESS={line[called]}" in environment


def until_the_doctor_finds_all_well(data_dir: DataDir) -> None:
    """Whoever serves and every login of theirs; it gives each service a second to answer."""
    serving = {program.name.replace("_", "-") for program in SUITE if program.port is not None}
    logins = {f"database, {login}" for program in SUITE for login in program.logins}
    deadline = time.monotonic() + 60
    while True:
        done = footfall("services.cli", "doctor", "--json", "--data-dir", str(data_dir.root))
        found = {one["about"]: one["state"] for one in json.loads(done.stdout)["findings"]}
        assert found.keys() >= serving | logins
        if {found[about] for about in serving | logins} == {"ok"}:
            return
        assert time.monotonic() < deadline, found


@pytest.mark.parametrize(
    ("only", "programs"),
    [
        ("event-ingest", OF_EVENT_INGEST),
        ("insight", OF_INSIGHT),
        ("journey", OF_JOURNEY),
        ("pricing", OF_PRICING),
    ],
)
def test_of_what_is_chosen_nothing_else_starts(
    data_dir: DataDir, only: str, programs: set[str]
) -> None:
    with up(data_dir, "--only", only) as running:
        line = running.line
        assert set(line["pids"]) == programs | {"postgres"}
        assert not set(line) & (ALL - programs)
        until_serving(line[only.replace("-", "_")])
        assert running.end(signal.SIGTERM)[0] == 0
