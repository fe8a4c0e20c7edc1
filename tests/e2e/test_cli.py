"""The command line over the whole suite: from an empty directory to events that come and stay."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import scratch_data_dir
from tests.ups import Up, up

NOW = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


@dataclass
class Installation:
    """What runs, and who may call."""

    up: Up
    key: str
    org_id: str

    def footfall(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return footfall(
            *arguments,
            FOOTFALL_DATA_DIR=str(self.up.data_dir.root),
            **{"FOOTFALL_API_KEY": self.key, **environ},
        )

    def answer(self, *arguments: str) -> Any:
        done = self.footfall(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def footfall(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments], capture_output=True, text=True,
        timeout=60, check=False, env=environment(**environ),
    )  # fmt: skip


def environment(**environ: str) -> Mapping[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FOOTFALL_")}
    return {**clean, **environ}


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with scratch_data_dir() as data_dir, up(data_dir) as running:
        assert running.line
        where = ("--data-dir", str(data_dir.root), "--json")
        org_id = json.loads(footfall("org", "create", "ACME", *where).stdout)["org_id"]
        made = footfall(
            "key", "create", "--org", org_id, "--role", "service", "--subject", "loader", *where
        )
        yield Installation(running, json.loads(made.stdout)["key"], org_id)
        running.end(signal.SIGTERM)


@pytest.fixture
def visits(tmp_path: Path) -> Path:
    file = tmp_path / "visits.csv"
    rows = [f"{NOW},feature_used,user-{n % 7},report,{n}" for n in range(2500)]
    rows[3] = rows[3].replace("feature_used", "feature_usd")
    rows[5] = rows[5].replace(NOW, "noon")
    file.write_text("\n".join(["time,type,user,feature,n", *rows, ""]))
    return file


def test_an_import_stores_every_row_once_and_lists_what_it_could_not(
    installation: Installation, visits: Path, tmp_path: Path
) -> None:
    refused = tmp_path / "refused.jsonl"
    arguments = ("import", str(visits), "--source", str(tmp_path), "--rejected", str(refused))
    first = installation.footfall(*arguments, "--json")
    assert first.returncode == 1, first.stderr
    account = json.loads(first.stdout)
    wanted = {"rows": 2500, "unreadable": 1, "sent": 2499, "accepted": 2498, "rejected": 1}
    assert account.items() >= wanted.items()
    listed = [json.loads(line) for line in refused.read_text().splitlines()]
    assert {(one["row"], one["verdict"]) for one in listed} == {(4, "REJECTED"), (6, "UNREADABLE")}

    mended = visits.read_text().replace("feature_usd", "feature_used").replace("noon", NOW)
    visits.write_text(mended)
    second = installation.answer(*arguments)
    wanted = {"rows": 2500, "sent": 2500, "accepted": 2, "duplicate": 2498, "conflict": 0}
    assert second.items() >= wanted.items()


def test_an_import_for_people_says_what_became_of_the_rows(
    installation: Installation, visits: Path, tmp_path: Path
) -> None:
    done = installation.footfall("import", str(visits), "--source", f"people {tmp_path}")
    assert done.returncode == 1
    assert "sent 2,499 = 2,498 accepted + 0 duplicate + 0 conflict + 1 rejected" in done.stdout
    assert "UNKNOWN_EVENT_TYPE" in done.stdout
    assert "\x1b[" not in done.stdout + done.stderr


def test_an_import_with_a_wrong_key_says_so_and_sends_nothing(
    installation: Installation, visits: Path
) -> None:
    done = installation.footfall("import", str(visits), FOOTFALL_API_KEY="ff_nobody_x")
    assert done.returncode == 1
    assert "UNAUTHENTICATED" in done.stderr


def test_an_import_to_nowhere_gives_up_and_goes_on_later(
    installation: Installation, visits: Path, tmp_path: Path
) -> None:
    state = {"XDG_STATE_HOME": str(tmp_path)}
    away = ("--address", "127.0.0.1:1", "--patience", "0.5")
    done = installation.footfall("import", str(visits), *away, **state)
    assert done.returncode == 1
    assert "UNAVAILABLE" in done.stderr
    assert "goes on after row 0" in done.stderr


def test_without_a_key_nobody_is_called(visits: Path, tmp_path: Path) -> None:
    done = footfall("import", str(visits), "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert "footfall key create" in done.stderr


def test_a_dry_run_needs_no_service(visits: Path) -> None:
    done = footfall("import", str(visits), "--dry-run", "--json")
    assert done.returncode == 0
    first = json.loads(done.stdout)["first"]
    assert len(first) == 3
    assert first[0]["user_id"] == "user-0"


@dataclass
class Tailing:
    """A running `footfall tail --json`."""

    process: subprocess.Popen[str]
    seen: list[int]

    def read(self) -> list[int]:
        """The property `n` of every event that it has shown so far."""
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            self.seen.append(json.loads(json.loads(line)["event"]["properties_json"])["n"])
        return self.seen


@contextmanager
def tailing(installation: Installation, *arguments: str) -> Iterator[Tailing]:
    data_dir = str(installation.up.data_dir.root)
    environ = environment(FOOTFALL_DATA_DIR=data_dir, FOOTFALL_API_KEY=installation.key)
    argv = [sys.executable, "-m", "services.cli", "tail", "--json", *arguments]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        try:
            yield Tailing(process, [])
        finally:
            process.kill()


def test_the_tail_follows_through_the_death_of_the_service_and_ends_when_told(
    installation: Installation, tmp_path: Path
) -> None:
    numbers = itertools.count(1)

    def send_until(seen: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 40
        while not seen():
            assert time.monotonic() < deadline
            file = tmp_path / f"{next(numbers)}.jsonl"
            event = {"time": NOW, "type": "page_view", "n": int(file.stem)}
            file.write_text(json.dumps(event) + "\n" + json.dumps({**event, "type": "login"}))
            assert installation.answer("import", str(file))["accepted"] == 2

    with tailing(installation, "--type", "page_view") as tail:
        send_until(lambda: bool(tail.read()))
        os.kill(json.loads(installation.up.status().stdout)["pids"]["event_ingest"], signal.SIGKILL)
        sent = next(numbers)
        send_until(lambda: max(tail.read()) > sent)
        tail.process.terminate()
        assert tail.process.wait(timeout=10) == 0
    first, last = tail.seen[0], tail.seen[-1]
    assert tail.seen == [n for n in range(first, last + 1) if n != sent]


def test_the_doctor_finds_a_running_installation_well(installation: Installation) -> None:
    report = installation.answer("doctor")
    assert report["ok"]
    about = {finding["about"]: finding["state"] for finding in report["findings"]}
    assert about["event-ingest"] == "ok"
    assert about["database, footfall_event_ingest"] == "ok"


def test_the_doctor_takes_an_unknown_variable_for_an_error(installation: Installation) -> None:
    done = installation.footfall("doctor", FOOTFALL_EVENT_INGEST_PROT="1")
    assert done.returncode == 1
    assert "FOOTFALL_EVENT_INGEST_PROT is no setting" in done.stdout
    assert "FOOTFALL_EVENT_INGEST_PORT" in done.stdout


def test_migrating_again_changes_nothing_and_says_where_it_is(installation: Installation) -> None:
    first, second = installation.answer("migrate"), installation.answer("migrate")
    assert first == second
    assert first["database"].endswith("/footfall")


def test_migrate_starts_the_embedded_postgres_for_the_moment() -> None:
    with scratch_data_dir() as data_dir:
        where = ("--data-dir", str(data_dir.root))
        done = footfall("migrate", "--json", *where)
        assert done.returncode == 0, done.stderr
        assert Path(json.loads(done.stdout)["internal_key_file"]).exists()
        assert not (data_dir.postgres / "postmaster.pid").exists()
        assert json.loads(footfall("doctor", "--json", *where).stdout)["ok"]


def test_migrate_tells_a_database_that_is_away() -> None:
    with scratch_data_dir() as data_dir:
        done = footfall(
            "migrate", "--data-dir", str(data_dir.root),
            FOOTFALL_DATABASE_URL="postgresql://admin:secret@127.0.0.1:1/footfall",
        )  # fmt: skip
    assert done.returncode == 1
    assert "127.0.0.1:1/footfall cannot be used" in done.stderr
    assert "secret" not in done.stderr
