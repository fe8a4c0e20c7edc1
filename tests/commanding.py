"""`footfall journey` with the key of an organisation, as people and scripts type it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from click.testing import CliRunner, Result

from services.cli.__main__ import main
from tests.journeying import Journey


def ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


@dataclass
class Commands:
    """The command, with the key of an organisation and the address of journey."""

    journey: Journey
    key: str

    @property
    def environ(self) -> Mapping[str, str]:
        return {"FOOTFALL_API_KEY": self.key, "FOOTFALL_JOURNEY_ADDRESS": self.journey.address}

    def __call__(self, *words: str, given: str | None = None, **environ: str | None) -> Result:
        environment = {**self.environ, **environ}
        return CliRunner().invoke(main, ["journey", *words], input=given, env=environment)

    def people(self, *words: str, given: str | None = None) -> str:
        result = self(*words, given=given)
        assert result.exit_code == 0, result.output
        assert "\x1b[" not in result.stdout
        return "\n".join(line.rstrip() for line in result.stdout.splitlines())

    def json(self, *words: str, given: str | None = None, code: int = 0) -> Any:
        result = self(*words, "--json", given=given)
        assert result.exit_code == code, result.output
        assert len(result.stdout.splitlines()) == 1
        return json.loads(result.stdout)

    def refusal(self, *words: str, **environ: str | None) -> str:
        result = self(*words, **environ)
        assert result.exit_code in {1, 2}
        assert not result.stdout
        assert isinstance(result.exception, SystemExit), "a stack instead of a message"
        return result.stderr

    def client(self, client_id: str = "nw-1", **fields: Any) -> None:
        """One that exists from now on."""
        row = json.dumps({"client_id": client_id, **fields})
        self.json("clients", "import", "-", "--format", "jsonl", given=row)

    def track(self, event_type: str, *words: str, client_id: str = "nw-1", days: float) -> Any:
        return self.json("track", client_id, event_type, "--at", ago(days), *words)
