"""`footfall journey` and `footfall pricing` with somebody's key, as people and scripts type it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from click.testing import CliRunner, Result

from services.cli.__main__ import main
from tests.bargaining import Pricing
from tests.journeying import Journey


def ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


class CommandLine:
    """What is typed behind `footfall`, and what comes of it."""

    group: tuple[str, ...] = ()
    """Typed first."""

    @property
    def environ(self) -> Mapping[str, str]:
        """Where and as whom it calls."""
        raise NotImplementedError

    def __call__(self, *words: str, given: str | None = None, **environ: str | None) -> Result:
        environment = {**self.environ, **environ}
        return CliRunner().invoke(main, [*self.group, *words], input=given, env=environment)

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


@dataclass
class Commands(CommandLine):
    """The command, with the key of an organisation and the address of journey."""

    journey: Journey
    key: str
    group = ("journey",)

    @property
    def environ(self) -> Mapping[str, str]:
        return {"FOOTFALL_API_KEY": self.key, "FOOTFALL_JOURNEY_ADDRESS": self.journey.address}

    def client(self, client_id: str = "nw-1", **fields: Any) -> None:
        """One that exists from now on."""
        row = json.dumps({"client_id": client_id, **fields})
        self.json("clients", "import", "-", "--format", "jsonl", given=row)

    def track(self, event_type: str, *words: str, client_id: str = "nw-1", days: float) -> Any:
        return self.json("track", client_id, event_type, "--at", ago(days), *words)


@dataclass
class PricingCommands(CommandLine):
    """`footfall pricing`, `footfall approvals` and `footfall audit` as one person."""

    service: Pricing
    key: str

    @property
    def environ(self) -> Mapping[str, str]:
        return {"FOOTFALL_API_KEY": self.key, "FOOTFALL_PRICING_ADDRESS": self.service.address}

    def tier(self, tier_id: str = "pro", *words: str, price: str = "49 EUR") -> Any:
        """One that exists from now on."""
        return self.json("pricing", "tiers", "set", tier_id, "--price", price, *words)["tier"]
