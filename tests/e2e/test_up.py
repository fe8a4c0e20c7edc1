"""`footfall up` from its first line to its end, over tiny programs."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator

import psycopg
import pytest

from services.cli.state import published
from shared.data_dir import DataDir
from shared.refusal import StartRefused
from tests.accounts import as_ordinary_user, needs_root
from tests.postgres import cluster, scratch_data_dir
from tests.running import environment_of, running_on, until_nothing_runs_on
from tests.ups import footfall, serves, until_serving, up

TINY = "tests.e2e.tiny.suite"


@pytest.fixture
def data_dir() -> Iterator[DataDir]:
    with scratch_data_dir() as scratch:
        yield scratch


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_says_where_all_serve_and_leaves_nothing_when_told_to_end(
    data_dir: DataDir, signum: signal.Signals
) -> None:
    with up(data_dir, module=TINY) as running:
        line = running.line
        assert serves(line["tiny"])
        assert set(line["pids"]) == {"tiny", "tiny_worker", "postgres"}
        assert all(os.getpgid(pid) for pid in line["pids"].values())

        code, more, _ = running.end(signum)

        assert (code, more) == (0, "")
        assert not running_on(data_dir.root)
        assert not (data_dir.run / "up.json").exists()


def test_status_prints_the_same_line_and_keeps_it_private(data_dir: DataDir) -> None:
    with up(data_dir, module=TINY) as running:
        line = running.line
        assert json.loads(running.status().stdout) == line
        assert stat.S_IMODE((data_dir.run / "up.json").stat().st_mode) == 0o600

        running.end(signal.SIGTERM)

        silence = running.status()
        assert silence.returncode == 1
        assert "Nothing runs" in silence.stderr


def test_status_for_people_shows_health_and_no_password(data_dir: DataDir) -> None:
    with up(data_dir, module=TINY) as running:
        assert running.line
        shown = footfall(TINY, "status", "--data-dir", str(data_dir.root)).stdout
    assert "serving" in shown
    assert "\x1b[" not in shown
    assert (data_dir.secret("footfall_bi.password") or "?") not in shown


def test_the_url_it_gives_away_is_the_read_only_login(data_dir: DataDir) -> None:
    with (
        up(data_dir, module=TINY) as running,
        psycopg.connect(running.line["database_url"]) as connection,
    ):
        row = connection.execute("SELECT current_user, current_database()").fetchone()
    assert row == ("footfall_bi", "footfall")


def test_services_drain_into_a_living_database(data_dir: DataDir) -> None:
    with up(data_dir, module=TINY) as running:
        assert running.line
        running.end(signal.SIGTERM)
    said = data_dir.log("tiny").read_text()
    assert "drained into a living database as ('footfall_event_ingest',)" in said


def test_told_twice_it_does_not_wait(data_dir: DataDir) -> None:
    with up(data_dir, module=TINY, TINY_DRAIN_SECONDS="60") as running:
        assert running.line
        running.process.send_signal(signal.SIGINT)
        time.sleep(1)
        began = time.monotonic()
        code, _, _ = running.end(signal.SIGINT)
    assert code == 0
    assert time.monotonic() - began < 5


def test_told_while_it_starts_it_ends_cleanly(data_dir: DataDir) -> None:
    with up(data_dir, module=TINY, TINY_START_SECONDS="60") as running:
        deadline = time.monotonic() + 20
        while not data_dir.log("tiny").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        code, out, _ = running.end(signal.SIGTERM)
        assert (code, out) == (0, "")
        assert not running_on(data_dir.root)


@pytest.mark.parametrize("moment_ms", [0, 300, 600, 1000, 1400, 1800])
def test_killed_while_it_starts_it_leaves_nothing(data_dir: DataDir, moment_ms: int) -> None:
    with up(data_dir, module=TINY) as running:
        time.sleep(moment_ms / 1000)
        running.process.kill()
    until_nothing_runs_on(data_dir.root)


def test_a_service_that_refuses_ends_it_with_the_services_own_words(data_dir: DataDir) -> None:
    began = time.monotonic()
    with up(data_dir, module=TINY, TINY_REFUSAL="fsync is off: turn it on") as running:
        out, err = running.process.communicate(timeout=30)
        assert running.process.returncode == 1
        assert not running_on(data_dir.root)
    assert time.monotonic() - began < 15
    assert out == ""
    assert "tiny did not start" in err
    assert "fsync is off: turn it on" in err


def test_a_second_up_on_the_same_data_says_so(data_dir: DataDir) -> None:
    with up(data_dir, module=TINY) as first:
        assert first.line
        second = footfall(TINY, "up", "--ports", "auto", "--data-dir", str(data_dir.root))
        assert second.returncode == 1
        assert f"footfall up (pid {first.process.pid}) already works on" in second.stderr
        assert serves(first.line["tiny"])
        assert first.status().returncode == 0


def test_a_port_in_use_is_named_with_its_variable(data_dir: DataDir) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with up(
            data_dir, "--ports", "default", module=TINY,
            FOOTFALL_TINY_PORT=port, FOOTFALL_POSTGRES_PORT=free_port(),
        ) as running:  # fmt: skip
            _, err = running.process.communicate(timeout=30)
    assert running.process.returncode == 1
    assert port in err
    assert "FOOTFALL_TINY_PORT" in err


def test_it_listens_where_the_environment_says(data_dir: DataDir) -> None:
    port = free_port()
    with up(
        data_dir, "--ports", "default", module=TINY, FOOTFALL_TINY_PORT=port,
        FOOTFALL_TINY_METRICS_PORT=free_port(), FOOTFALL_POSTGRES_PORT=free_port(),
    ) as running:  # fmt: skip
        assert running.line["tiny"] == f"127.0.0.1:{port}"
        until_serving(running.line["tiny"])


def test_children_know_their_own_credential_alone(data_dir: DataDir) -> None:
    with cluster() as postgres, up(
        data_dir, module=TINY, FOOTFALL_DATABASE_URL=postgres.admin_url
    ) as running:  # fmt: skip
        line = running.line
        assert "postgres" not in line["pids"]
        service = environment_of(line["pids"]["tiny"])
        assert "FOOTFALL_EVENT_INGEST_DATABASE_URL=" in service
        assert "FOOTFALL_MAINTENANCE_DATABASE_URL=" not in service
        assert "FOOTFALL_DATABASE_URL=" not in service
        assert f"FOOTFALL_DATA_DIR={data_dir.root}" in service
        code, _, _ = running.end(signal.SIGTERM)
        assert code == 0
        assert postgres.pid
        assert not data_dir.postgres.exists()


def test_a_database_that_does_not_answer_is_named_by_its_variable(data_dir: DataDir) -> None:
    url = f"postgresql://postgres:hush@127.0.0.1:{free_port()}/footfall"
    with up(data_dir, module=TINY, FOOTFALL_DATABASE_URL=url) as running:
        out, err = running.process.communicate(timeout=30)
    assert (running.process.returncode, out) == (1, "")
    assert "FOOTFALL_DATABASE_URL" in err
    assert "hush" not in err
    assert "Traceback" not in err


@needs_root
def test_status_of_another_accounts_installation_says_whom_to_ask(data_dir: DataDir) -> None:
    with up(data_dir, module=TINY) as running:
        assert running.line

        def ask() -> None:
            with pytest.raises(StartRefused, match="another account"):
                published(data_dir)

        as_ordinary_user(ask)


def test_an_unknown_service_is_refused_with_those_there_are(data_dir: DataDir) -> None:
    refused = footfall(TINY, "up", "--only", "no-such", "--data-dir", str(data_dir.root))
    assert refused.returncode == 1
    assert "no_such" in refused.stderr
    assert "tiny" in refused.stderr
    assert not data_dir.run.exists()


def test_what_people_read_has_no_colour_off_a_terminal(data_dir: DataDir) -> None:
    argv = ["up", "--ports", "auto", "--data-dir", str(data_dir.root)]
    with subprocess.Popen(
        [sys.executable, "-m", TINY, *argv], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = ""
        while "All serve" not in said:
            said += process.stdout.readline()
        process.terminate()
        said += process.stdout.read()
    assert process.returncode == 0
    assert "\x1b[" not in said
    assert "tiny" in said
    assert (data_dir.secret("footfall_bi.password") or "?") not in said


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])
