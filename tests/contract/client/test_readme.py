"""What the README shows runs, word for word but for the address."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.contract.client.ingest_server import IngestServicer, serving

README = Path(__file__).parents[3] / "clients/python/README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_each_example_delivers(
    number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = IngestServicer()
    with serving(server) as address:
        code = BLOCKS[number].replace("127.0.0.1:50051", address).replace("ff_…", "ff_key_secret")
        exec(compile(code.replace("/tmp/footfall-spool", str(tmp_path)), README, "exec"), {})
    assert server.stored
    if number == 0:
        assert capsys.readouterr().out.strip() in README.read_text(encoding="utf-8")
