"""`footfall audit verify`, which asks no service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner, Result

from services.cli.__main__ import main
from shared.anchors import FileAnchors
from shared.audit_chain import Anchor
from shared.database import Database
from shared.schema import audit, logins
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase

NOW = datetime(2026, 11, 21, 18, 30, tzinfo=UTC)


class Footfall:
    """`footfall audit verify`, pointed to the database of a test and to a file of its own."""

    def __init__(self, database: MigratedDatabase, file: Path) -> None:
        self.file = file
        self._environ = {
            "FOOTFALL_DATABASE_URL": database.admin_url,
            "FOOTFALL_DATA_DIR": str(database.data_dir.root),
            "FOOTFALL_AUDIT_ANCHORS_FILE": str(file),
        }

    def __call__(self, *words: object, **environ: str | None) -> Result:
        typed = ["audit", "verify", *map(str, words)]
        return CliRunner().invoke(main, typed, env={**self._environ, **environ})

    def json(
        self, *words: object, code: int = 0, environ: Mapping[str, str | None] | None = None
    ) -> Any:
        result = self(*words, "--json", **environ or {})
        assert result.exit_code == code, result.output
        assert len(result.stdout.splitlines()) == 1
        return json.loads(result.stdout)


@pytest.fixture
def verify(database: MigratedDatabase, tmp_path: Path) -> Footfall:
    return Footfall(database, tmp_path / "anchors.jsonl")


def record(organisation: Organisation, count: int) -> None:
    async def run() -> None:
        url = organisation.database.urls["footfall_pricing"]
        database = Database(url, application_name="test", size=1)
        await database.open()
        try:
            async with database.raw_transaction(organisation.tenant("olga")) as raw:
                for number in range(count):
                    await audit.append(
                        raw,
                        organisation.org_id,
                        actor="ann",
                        actor_role="admin",
                        action="tier.update",
                        target=str(number),
                        details={"price": number / 10},
                    )
        finally:
            await database.close()

    asyncio.run(run())


def write_down(file: Path, organisation: Organisation) -> None:
    query = "SELECT sequence, entry_hash FROM app.audit_heads WHERE org_id = %s"
    [(sequence, digest)] = organisation.database.execute(query, organisation.org_id)
    FileAnchors(file).append([Anchor(organisation.org_id, sequence, digest, NOW)])


def tamper(organisation: Organisation, sequence: int) -> None:
    organisation.database.execute(
        "UPDATE app.audit_entries SET actor = 'bob' WHERE org_id = %s AND sequence = %s",
        organisation.org_id,
        sequence,
    )


def test_a_whole_log(verify: Footfall, organisation: Organisation) -> None:
    record(organisation, 505)
    write_down(verify.file, organisation)
    told = verify("--org", organisation.org_id)
    assert told.exit_code == 0
    assert "whole" in told.stdout
    assert "505 entries fit\n" in told.stdout
    assert " 505 of them were written down outside by" in told.stdout
    assert max(map(len, told.stdout.splitlines())) <= 80
    document = verify.json("--org", organisation.org_id)
    [log] = document["logs"]
    assert document["valid"]
    assert (log["valid"], log["entries"], log["anchored_entries"]) == (True, 505, 505)
    assert (log["problem"], log["notice"], log["first_bad_entry"]) == ("", "", 0)
    assert log["anchored_at"].startswith("2026-11-21T18:30")


def test_the_first_bad_entry_is_named_and_the_exit_tells(
    verify: Footfall, organisation: Organisation
) -> None:
    record(organisation, 9)
    tamper(organisation, 7)
    told = verify("--org", organisation.org_id)
    assert told.exit_code == 1
    assert "BROKEN" in told.stdout
    assert "first bad entry: 7. Entry 7 is not what its hash was made of." in told.stdout
    [log] = verify.json("--org", organisation.org_id, code=1)["logs"]
    assert (log["valid"], log["entries"], log["first_bad_entry"]) == (False, 6, 7)


def test_all_logs_those_too_of_whom_only_the_file_knows(
    verify: Footfall, organisation: Organisation, other_organisation: Organisation
) -> None:
    record(organisation, 3)
    record(other_organisation, 4)
    assert verify.json("--all") == verify.json()
    assert verify.json()["valid"]
    write_down(verify.file, other_organisation)
    for table in ("audit_entries", "audit_heads"):
        other_organisation.database.execute(
            f"DELETE FROM app.{table} WHERE org_id = %s", other_organisation.org_id
        )
    found = verify.json("--all", code=1)
    logs = {UUID(log["org_id"]): log for log in found["logs"]}
    assert logs[organisation.org_id]["valid"]
    assert logs[other_organisation.org_id]["first_bad_entry"] == 1


def test_an_organisation_that_never_was_is_no_whole_log(
    verify: Footfall, organisation: Organisation
) -> None:
    for words in ((), ("--json",)):
        told = verify("--org", UUID(int=0), *words)
        assert told.exit_code == 1
        assert not told.stdout
        assert f"There is no organisation {UUID(int=0)}" in told.stderr
    environ = {"FOOTFALL_BI_DATABASE_URL": organisation.database.urls[logins.BI]}
    assert verify("--org", UUID(int=0), **environ).exit_code == 1
    [log] = verify.json("--org", organisation.org_id, environ=environ)["logs"]
    assert (log["valid"], log["entries"]) == (True, 0)


def test_files_that_were_moved_away_count_too(
    verify: Footfall, organisation: Organisation, tmp_path: Path
) -> None:
    record(organisation, 3)
    old, new = tmp_path / "2025.jsonl", tmp_path / "2026.jsonl"
    write_down(old, organisation)
    record(organisation, 3)
    write_down(new, organisation)
    files = ("--anchors", old, "--anchors", new)
    [log] = verify.json("--org", organisation.org_id, *files)["logs"]
    assert log["anchored_entries"] == 6
    FileAnchors(old).append([Anchor(organisation.org_id, 2, bytes(32), NOW)])
    [log] = verify.json("--org", organisation.org_id, *files, code=1)["logs"]
    assert log["first_bad_entry"] == 1


def test_what_was_not_compared_is_said(verify: Footfall, organisation: Organisation) -> None:
    record(organisation, 2)
    told = verify("--org", organisation.org_id)
    assert told.exit_code == 0
    assert "Nothing of this log was found written down" in told.stdout
    missing = verify("--org", organisation.org_id, "--anchors", "/nowhere/anchors.jsonl")
    assert missing.exit_code == 2
    assert "does not exist" in missing.stderr


@pytest.mark.parametrize("login", [logins.BI, logins.MAINTENANCE])
def test_a_login_that_only_reads_will_do(
    verify: Footfall, organisation: Organisation, login: str
) -> None:
    """With no way in for the owner."""
    record(organisation, 2)
    environ = {
        "FOOTFALL_DATABASE_URL": None,
        "FOOTFALL_DATA_DIR": "/nowhere",
        f"{login.upper()}_DATABASE_URL": organisation.database.urls[login],
    }
    [log] = verify.json("--org", organisation.org_id, environ=environ)["logs"]
    assert log["entries"] == 2
    if login == logins.MAINTENANCE:
        assert len(verify.json("--all", environ=environ)["logs"]) == 1


@pytest.mark.parametrize("words", [("--all", "--org", UUID(int=1)), ("--org", "acme")])
def test_what_is_typed_must_make_sense(verify: Footfall, words: tuple[object, ...]) -> None:
    result = verify(*words)
    assert result.exit_code == 2
    assert not result.stdout


def test_without_a_database_it_says_so(verify: Footfall, tmp_path: Path) -> None:
    result = verify("--all", FOOTFALL_DATABASE_URL=None, FOOTFALL_DATA_DIR=str(tmp_path))
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit), "a stack instead of a message"
    assert "footfall up" in result.stderr
