"""Children start without a line of Python between fork and exec, and say why they could not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from shared import child

NOT_FOUND = 127


def said_by(*argv: str | Path, environment: dict[str, str] | None = None) -> tuple[int, str]:
    with tempfile.TemporaryFile() as output:
        started = child.start(argv, output=output, environment=environment or {}, umask=0o077)
        code = started.wait()
        output.seek(0)
        return code, output.read().decode()


def test_a_child_leads_a_session_and_has_the_environment_it_was_given() -> None:
    code = (
        "import os; print(os.getsid(0) == os.getpid(), dict(os.environ).get('NAME'), os.getcwd())"
    )
    assert said_by(sys.executable, "-c", code, environment={"NAME": "mia"}) == (0, "True mia /\n")


def test_a_program_that_is_not_there_ends_with_127_and_its_reason() -> None:
    code, said = said_by("/nowhere/postgres", "-D", "x")
    assert code == NOT_FOUND
    assert "/nowhere/postgres" in said
    assert "No such file" in said


def test_a_child_ignores_no_signal_that_python_does() -> None:
    code = (-signal.SIGPIPE, "")
    assert said_by("/bin/sh", "-c", "kill -PIPE $$; echo survived") == code


def test_the_order_holds_nothing_secret() -> None:
    """Whoever may list processes reads command lines."""
    with Path(os.devnull).open("wb") as output:
        secret = {"PASSWORD": "canary-7261"}
        argv = [sys.executable, "-c", "import time; time.sleep(30)"]
        started = child.start(argv, output=output, environment=secret)
        try:
            assert isinstance(started, subprocess.Popen)
            assert "canary-7261" not in " ".join(map(str, started.args))  # type: ignore[arg-type]
        finally:
            started.kill()
            started.wait()
