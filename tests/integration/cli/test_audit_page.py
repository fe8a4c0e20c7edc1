"""docs/audit.md says how to verify a log without our programs; here somebody does."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from shared.anchors import FileAnchors
from shared.audit_chain import START, Anchor, entry_hash, kept
from shared.database import Database
from shared.schema import audit, logins
from tests.organisations import Organisation

PAGE = (Path(__file__).parents[3] / "docs" / "audit.md").read_text()
ODD: list[dict[str, Any]] = [
    {},
    {"price": 49.0, "b": [1e16, -1.5e-7, -0.0, 2**64 - 1], "ä": {"z": None, "a": True}},
    {"notes": 'quote " back \\ tab \t bell \x07 del \x7f line \n and 𝄞', "aa": 1, "b": 2},
]


def block(language: str) -> str:
    """The one piece of the page in that language."""
    [found] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def exported(organisation: Organisation) -> str:
    """What psql would print, as the login that only reads."""
    org = f"'{organisation.org_id}'"
    lines = []
    with organisation.database.connect(logins.BI) as connection:
        for statement in block("sql").split(";"):
            cursor = connection.execute(statement.replace(":'org'", org).encode())
            if cursor.description and cursor.description[0].name == "json_build_array":
                lines = [json.dumps(row[0], ensure_ascii=False) for row in cursor.fetchall()]
    return "".join(f"{line}\n" for line in ["", *lines])


def verified(organisation: Organisation) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-c", block("python"), str(organisation.org_id)]
    return subprocess.run(
        command, input=exported(organisation), capture_output=True, text=True, check=False
    )


def record(organisation: Organisation) -> None:
    async def run() -> None:
        url = organisation.database.urls["footfall_pricing"]
        database = Database(url, application_name="test", size=1)
        await database.open()
        try:
            for number in range(9):
                async with database.raw_transaction(organisation.tenant("olga")) as raw:
                    await audit.append(
                        raw,
                        organisation.org_id,
                        actor="ann",
                        actor_role="admin",
                        action="tier.update",
                        target=f"tier {number}",
                        details=ODD[number % 3],
                    )
        finally:
            await database.close()

    asyncio.run(run())


def test_a_stranger_finds_a_log_whole_and_its_end_where_we_do(organisation: Organisation) -> None:
    record(organisation)
    told = verified(organisation)
    head = "SELECT sequence, encode(entry_hash, 'hex') FROM app.audit_heads"
    [(sequence, digest)] = organisation.database.execute(head)
    assert (told.returncode, told.stdout, told.stderr) == (0, f"{sequence} {digest}\n", "")


@pytest.mark.parametrize(
    "change",
    [
        "SET actor = 'bob'",
        "SET recorded_at = recorded_at + interval '1 microsecond'",
        "SET details = details || '{\"price\": 49.00}'",
        "SET entry_hash = sha256(entry_hash)",
        "SET sequence = 100",
    ],
)
def test_a_stranger_finds_the_first_bad_entry(organisation: Organisation, change: str) -> None:
    record(organisation)
    organisation.database.execute(f"UPDATE app.audit_entries {change} WHERE sequence = 5")
    told = verified(organisation)
    assert (told.returncode, told.stderr) == (1, "entry 5 does not fit\n")


def test_the_example_of_the_page(tmp_path: Path) -> None:
    org_id, at = "0190d3a0-5d5c-7000-8000-000000000001", "2026-11-21T18:30:00.000000+00:00"
    said = {"actor": "ann", "actor_role": "admin", "action": "tier.update", "target": "pro"}
    entry = {"org_id": org_id, "sequence": 1, "recorded_at": at, **said}
    assert org_id in PAGE
    assert f"`{at[:-6]}+00:00`" in PAGE
    digest = entry_hash(START, {**entry, "details": kept({"price": 49.0})})
    assert f"`{digest.hex()}`" in PAGE
    file = tmp_path / "anchors.jsonl"
    FileAnchors(file).append([Anchor(UUID(org_id), 1, digest, datetime.now(UTC))])
    [shown] = re.findall(r'^{"org_id":.*}$', PAGE, re.MULTILINE)
    assert list(json.loads(shown)) == list(json.loads(file.read_text()))
