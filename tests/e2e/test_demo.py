"""The demo, small: the same acts over the first rows of the file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.data_dir import DataDir
from tests.postgres import scratch_data_dir
from tests.running import running_on, until_nothing_runs_on

ROWS = 3000


def demo(data_dir: DataDir, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _argv(data_dir, *arguments), capture_output=True, text=True, timeout=180, check=False,
        env={**os.environ, **environ},
    )  # fmt: skip


def _argv(data_dir: DataDir, *arguments: str) -> list[str]:
    where = ["--data-dir", str(data_dir.root), "--rows", str(ROWS)]
    return [sys.executable, "-m", "services.cli", "demo", *where, *arguments]


def test_every_event_is_stored_once_and_the_account_balances() -> None:
    # The variables would lead another command elsewhere; a demo stands by itself.
    astray = {"FOOTFALL_DATABASE_URL": "postgresql://nowhere", "FOOTFALL_HOST": "0.0.0.0"}
    with scratch_data_dir() as data_dir:
        done = demo(data_dir, "--json", **astray)
        assert done.returncode == 0, done.stderr
        assert not running_on(data_dir.root)
    told = json.loads(done.stdout)
    assert told["balanced"]
    assert told["stored"] == told["total"]["accepted"] == ROWS
    replayed, again = told["replay"], told["replay_again"]
    assert (replayed["accepted"], replayed["rejected"]) == (ROWS - 1, 1)
    assert (again["duplicate"], again["accepted"]) == (ROWS, 0)
    verdicts = [one["verdict"] for one in told["incidents"]]
    assert verdicts == ["duplicate", "conflict", "rejected", "accepted"]
    assert all(trial["holds"] for trial in told["walls"])
    assert told["known"]["sessions"] > 0
    understood(told)
    followed(told["journeys"])


def understood(told: Mapping[str, Any]) -> None:
    """Four days are enough to be stuck in, and too few to compare weeks: both are said."""
    (last,) = told["insights"]
    assert last["as_of"] == "2013-01-05T05:00:00Z", "the end of the last day, in New York"
    assert set(last["counts"]) == {"stuck user"}
    assert len(last["too_little_to_compare"]) == told["organisations"] == 16
    worst = last["worst"][0]
    assert worst["recommendation"]["action"] == "onboarding_assistance"
    assert worst["evidence"]["measurements"][0]["value"] > 5
    assert sum(map(int, worst["evidence"]["trend"])) > 0
    for judged in told["hindsight"]:
        assert judged["runs"] == 0
        assert len(judged["reports"]) == 7
        assert all(int(report["alerts"]) == 0 for report in judged["reports"])


def followed(told: Mapping[str, Any]) -> None:
    """The worst of the simulated clients, what to do for it, and what changes that."""
    assert told["simulated"]
    assert told["clients"] == 24
    assert told["worst"] == told["high_risk"][0]["client_id"]
    levels = [one["risk_level"] for one in told["high_risk"]]
    assert levels == ["RISK_LEVEL_CRITICAL", "RISK_LEVEL_HIGH", "RISK_LEVEL_HIGH"]
    first, ignored, paid = told["next_best_actions"]
    assert first["action"]["priority"] == "PRIORITY_URGENT"
    assert len(first["action"]["evidence"]) == 2
    (rests,) = ignored["withheld"]
    assert rests["action"] == first["action"]["action"] != ignored["action"]["action"]
    assert rests["reason"] == "WITHHELD_REASON_COOLDOWN"
    cleared = {one["risk"] for one in ignored["risks"]} - {one["risk"] for one in paid["risks"]}
    assert cleared == {"RISK_LATE_INVOICES"}
    assert (paid["risk_level"], paid["score"]) == ("RISK_LEVEL_HIGH", ignored["score"] + 10)


def test_a_second_demo_begins_empty_and_ends_with_the_account_in_words() -> None:
    with scratch_data_dir() as data_dir:
        data_dir.root.rmdir()
        first, second = demo(data_dir), demo(data_dir)
        assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    account, stored = second.stdout.strip().splitlines()[-2:]
    sent = 2 * ROWS + 3
    assert account == (
        f"sent {sent:,} = {ROWS:,} accepted + {ROWS + 1:,} duplicate + 1 conflict + 1 rejected"
    )
    assert stored == f"{ROWS:,} stored"
    assert "\x1b[" not in second.stdout
    assert "the last day that was replayed" in second.stdout
    assert "no warning in so short a time" in second.stdout
    assert "these are simulated" in second.stdout
    assert max(map(len, _pictures(second.stdout))) <= 100


def _pictures(said: str) -> list[str]:
    """All but what is there to be copied."""
    return [line for line in said.splitlines() if "--data-dir" not in line]


def test_no_price_changes_without_the_consent_of_another() -> None:
    with scratch_data_dir() as data_dir:
        done = subprocess.run(
            [sys.executable, "-m", "services.cli", "demo", "pricing", "--json",
             "--data-dir", str(data_dir.root)],
            capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert not running_on(data_dir.root)
    told = json.loads(done.stdout)
    assert told["simulated"]
    assert not any(one["insufficient_data"] for one in told["elasticities"])
    assert {one["tier_id"]: one["true"] for one in told["elasticities"]}["pro"] == -0.6
    assert told["suggestion"]["bound_by"] == ["max_step"]
    assert told["approval"]["proposed_price"] == told["suggestion"]["suggested_price"]
    assert told["refused"] == [
        {"who": "ann", "code": "PERMISSION_DENIED", "reason": "SELF_APPROVAL"},
        {"who": "backend", "code": "PERMISSION_DENIED", "reason": "ROLE_NOT_PERMITTED"},
    ]
    assert told["price_change"]["state"] == "PRICE_CHANGE_STATE_NOTICE_RUNNING"
    assert int(told["price_change"]["notices_delivered"]) == 1
    assert told["price_in_force"]["units"] == "49"
    assert told["audited"] == ["approval.request", "approval.approve", "price_notice.record"]
    assert told["audit"]["valid"]


def test_a_directory_that_no_demo_made_is_left_alone() -> None:
    with scratch_data_dir() as data_dir:
        precious = data_dir.root / "precious"
        precious.write_text("mine")
        done = demo(data_dir)
        assert done.returncode == 1
        assert "no demo made" in done.stderr
        assert precious.read_text() == "mine"
        assert [path.name for path in Path(data_dir.root).iterdir()] == ["precious"]


def test_told_to_end_in_the_middle_it_leaves_nothing_running() -> None:
    with scratch_data_dir() as data_dir:
        with subprocess.Popen(_argv(data_dir), stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            while "3/10" not in process.stdout.readline():
                assert process.poll() is None
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 130
        until_nothing_runs_on(data_dir.root)
