"""What this code needs of a database, told without Alembic: importing it would delay each start."""

from __future__ import annotations

from pathlib import Path

MIGRATION_LOCK = 0x466F6F7466616C6C  # "Footfall"
OLDEST_POSTGRES = 15

VERSIONS = Path(__file__).parent / "migrations" / "versions"


def newest_revision() -> str:
    """The revision that this code needs: files are named by it, and their names sort by time."""
    newest = max(path.name for path in VERSIONS.glob("[0-9]*.py"))
    day, moment, _ = newest.split("_", 2)
    return f"{day}_{moment}"
