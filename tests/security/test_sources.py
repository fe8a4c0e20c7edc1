"""What no query of ours may do, because row-level security does not reach it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

NEVER = {
    "R26: plans and estimates count the rows of all organisations": (
        r"\bEXPLAIN\b|reltuples|pg_stat_user_tables"
    ),
    "R27: large objects belong to no organisation": r"\blo_(create|creat|import|from_bytea)\b",
    "R28: a role that was switched to can be switched back from": (
        r"\bSET (LOCAL |SESSION )?(ROLE|SESSION AUTHORIZATION)\b"
    ),
    "R33: every login of the database hears a NOTIFY": r"\b(NOTIFY|LISTEN) \w|pg_notify",
    "R34: a lock that outlives its transaction stalls other organisations": (
        r"pg_(try_)?advisory_lock"
    ),
    "R35: what outlives a transaction meets the next request": (
        r"\bCREATE TEMP|\bWITH HOLD\b|\bSET SESSION\b|set_config\([^)]*false\)"
    ),
}
UNLESS = {"shared/schema/migrate.py": "pg_try_advisory_lock"}  # migrating is nobody's request


@pytest.mark.parametrize("reason", NEVER)
def test_no_query_goes_where_row_security_does_not_reach(reason: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for folder in ("services", "shared")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(NEVER[reason], line)
        and UNLESS.get(str(path.relative_to(ROOT)), "\0") not in line
    ]
    assert found == [], reason
