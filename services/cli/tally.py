"""The account of what was sent: every event has a verdict, and the columns add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from footfall_client import BatchResult

VERDICT_STYLES: Mapping[str, str] = {
    "accepted": "green",
    "duplicate": "cyan",
    "conflict": "yellow",
    "rejected": "red",
}


@dataclass(slots=True)
class Tally:
    """`sent = accepted + duplicate + conflict + rejected`, else something was lost on the way."""

    sent: int = 0
    accepted: int = 0
    duplicate: int = 0
    conflict: int = 0
    rejected: int = 0

    def add(self, batch: BatchResult) -> None:
        """Count a batch. What was given up without a verdict is sent and in no other column."""
        self.sent += batch.received
        self.accepted += batch.accepted
        self.duplicate += batch.duplicate
        self.conflict += batch.conflict
        self.rejected += batch.rejected

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.sent + other.sent,
            self.accepted + other.accepted,
            self.duplicate + other.duplicate,
            self.conflict + other.conflict,
            self.rejected + other.rejected,
        )

    @property
    def verdicts(self) -> dict[str, int]:
        """The columns, by the names of the verdicts."""
        return {name: getattr(self, name) for name in VERDICT_STYLES}

    @property
    def lost(self) -> int:
        """Sent, and nobody said what became of it."""
        return self.sent - sum(self.verdicts.values())

    def as_json(self) -> dict[str, int]:
        return {"sent": self.sent, **self.verdicts}

    def __str__(self) -> str:
        columns = " + ".join(f"{count:,} {name}" for name, count in self.verdicts.items())
        lost = f" + {self.lost:,} without a verdict" if self.lost else ""
        return f"sent {self.sent:,} = {columns}{lost}"
