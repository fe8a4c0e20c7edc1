"""58, the part of the contract itself: a change that would break clients turns the check red."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.unit.house.source import ROOT

BUF = Path(sysconfig.get_path("scripts")) / "buf"
BROKEN = 100
EVENT = "protos/footfall/events/v1/event.proto"


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The protos as they are, built."""
    image = tmp_path_factory.mktemp("buf") / "today.binpb"
    _buf(ROOT, "build", "--path", "protos/footfall", "--output", str(image))
    return image


@pytest.mark.parametrize(
    ("pattern", "planted", "code"),
    [
        (r"string user_id = (\d+)", r"int64 user_id = \1", BROKEN),
        (r"string session_id = \d+", "string session_id = 99", BROKEN),
        (r"string client_id = (\d+)", r"string device_id = \1", BROKEN),
        (r"(message Event \{)", r"\1\n  string of_tomorrow = 999;", 0),
    ],
    ids=["type", "number", "name", "addition"],
)
def test_a_break_that_is_planted_is_seen(
    today: Path, tmp_path: Path, pattern: str, planted: str, code: int
) -> None:
    """And an addition is none."""
    shutil.copy(ROOT / "buf.yaml", tmp_path)
    for part in ("footfall", "third_party"):
        shutil.copytree(ROOT / "protos" / part, tmp_path / "protos" / part)
    changed, count = re.subn(pattern, planted, (ROOT / EVENT).read_text(), count=1)
    assert count == 1
    (tmp_path / EVENT).write_text(changed)
    _buf(tmp_path, "build", "--path", "protos/footfall", "--output", "changed.binpb")
    compared = subprocess.run(
        [BUF, "breaking", "changed.binpb", "--against", today],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert compared.returncode == code, compared.stdout + compared.stderr


def _buf(directory: Path, *arguments: str) -> None:
    subprocess.run([BUF, *arguments], cwd=directory, check=True, capture_output=True)
