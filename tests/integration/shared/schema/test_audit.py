"""What is appended can be recomputed from what Postgres gives back, and cannot be taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.pricing.audit.usecases import verify_audit_log
from shared.anchors import FileAnchors
from shared.database import Database
from shared.schema import audit, logins
from tests.organisations import Organisation, add_organisation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from services.pricing.audit.rules import Verdict
    from tests.postgres import MigratedDatabase, Template

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
NUMBERS = (
    st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.floats(1e15, 2e19)
    | st.floats(-1e-3, 1e-3)
    | st.sampled_from(
        [-0.0, 1.0, 1e3, 1e16, 2.0**63, 2.0**64, 1e22, 5e-324, 1.7976931348623157e308]
    )
)
DETAILS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    TEXTS,
    st.recursive(
        st.none() | st.booleans() | NUMBERS | TEXTS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
        max_leaves=15,
    ),
    max_size=6,
)
ENTRIES = st.lists(st.tuples(TEXTS, TEXTS, TEXTS, TEXTS, DETAILS), min_size=1, max_size=30)
Said = tuple[str, str, str, str, dict[str, Any]]


@asynccontextmanager
async def opened(database: MigratedDatabase, login: str) -> AsyncIterator[Database]:
    pool = Database(database.urls[login], application_name="test", size=2)
    await pool.open()
    try:
        yield pool
    finally:
        await pool.close()


async def append(pool: Database, organisation: Organisation, entries: Sequence[Said]) -> None:
    async with pool.raw_transaction(organisation.tenant("olga")) as raw:
        for actor, role, action, target, details in entries:
            await audit.append(
                raw,
                organisation.org_id,
                actor=actor,
                actor_role=role,
                action=action,
                target=target,
                details=details,
            )


async def check(pool: Database, organisation: Organisation, anchors: Path) -> Verdict:
    return await verify_audit_log(pool, organisation.tenant("olga"), FileAnchors(anchors))


def appended_and_checked(
    organisation: Organisation, entries: Sequence[Said], anchors: Path, login: str = logins.BI
) -> Verdict:
    """Written as a service, read as another login."""

    async def run() -> Verdict:
        async with opened(organisation.database, "footfall_journey") as writer:
            await append(writer, organisation, entries)
        async with opened(organisation.database, login) as reader:
            return await check(reader, organisation, anchors)

    return asyncio.run(run())


@pytest.fixture(scope="module")
def crowded(template: Template) -> Iterator[MigratedDatabase]:
    """Each test takes an organisation of its own."""
    with template.clone() as clone:
        yield clone


class TestRecomputing:
    @settings(max_examples=60)
    @given(entries=ENTRIES)
    def test_whatever_was_recorded(
        self, crowded: MigratedDatabase, tmp_path_factory: Any, entries: list[Said]
    ) -> None:
        acme = add_organisation(crowded)
        verdict = appended_and_checked(acme, entries, tmp_path_factory.getbasetemp() / "none")
        assert (verdict.valid, verdict.entries, verdict.problem) == (True, len(entries), "")

    def test_what_callers_hand_over(self, crowded: MigratedDatabase, tmp_path: Path) -> None:
        """Values that are no JSON themselves, as organisations and journeys record them."""

        class Kind(StrEnum):
            ONE = "one"

        acme = add_organisation(crowded)
        details = {
            "at": datetime(2026, 11, 21, 18, 30, 0, 1, tzinfo=UTC),
            "id": UUID(int=5),
            "kind": Kind.ONE,
            "changed": {"weights": [0.3, -0.0, 1e-7], "of": (1, 2)},
            "content_hash": "3e" * 32,
        }
        said = ("ann", "admin", "tier.update", "pro", details)
        assert appended_and_checked(acme, [said], tmp_path / "none").valid

    @pytest.mark.parametrize("login", [logins.OWNER, logins.MAINTENANCE, "footfall_pricing"])
    def test_whoever_reads(self, crowded: MigratedDatabase, tmp_path: Path, login: str) -> None:
        acme = add_organisation(crowded)
        said = ("ann", "admin", "tier.update", "pro", {"a": 1.5})
        assert appended_and_checked(acme, [said] * 3, tmp_path / "none", login).entries == 3

    @pytest.mark.parametrize("details", [{"a": 2**64}, {"a": "\ud800"}, {"a": object()}])
    def test_what_has_no_form_is_refused_before_anything_is_written(
        self, crowded: MigratedDatabase, tmp_path: Path, details: dict[str, Any]
    ) -> None:
        acme = add_organisation(crowded)
        with pytest.raises(TypeError):
            appended_and_checked(acme, [("a", "b", "c", "d", details)], tmp_path / "none")
        count = "SELECT count(*) FROM app.audit_heads WHERE org_id = %s"
        assert crowded.execute(count, acme.org_id) == [(0,)]


STATEMENTS = [
    "UPDATE app.audit_entries SET actor = 'somebody else' WHERE org_id = %s",
    "UPDATE app.audit_entries SET sequence = sequence + 1 WHERE org_id = %s",
    "DELETE FROM app.audit_entries WHERE org_id = %s",
    "TRUNCATE app.audit_entries",
    "ALTER TABLE app.audit_entries DISABLE ROW LEVEL SECURITY",
    "DELETE FROM app.audit_heads WHERE org_id = %s",
    "TRUNCATE app.audit_heads",
]


@pytest.mark.parametrize("login", [*logins.SERVICES, logins.BI, logins.MAINTENANCE])
def test_no_service_can_take_an_entry_back(
    organisation: Organisation, tmp_path: Path, login: str
) -> None:
    said: Said = ("ann", "admin", "tier.update", "pro", {})
    verdict = appended_and_checked(organisation, [said] * 3, tmp_path / "none")
    for statement in STATEMENTS:
        given_ = (organisation.org_id,) if "%s" in statement else ()
        with organisation.database.connect(login) as connection, connection.transaction():
            identity = (organisation.org_id, "owner", "olga")
            connection.execute("SELECT app.set_identity(%s, %s, %s)", identity)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode(), given_)
    again = appended_and_checked(organisation, [], tmp_path / "none")
    assert again == verdict
    assert again.entries == 3


def test_writers_of_one_organisation_take_turns(
    organisation: Organisation, other_organisation: Organisation, tmp_path: Path
) -> None:
    async def run() -> list[Verdict]:
        async with opened(organisation.database, "footfall_pricing") as pool:
            said: Said = ("ann", "admin", "tier.update", "pro", {"a": 1.5})
            both = (organisation, other_organisation)
            await asyncio.gather(*(append(pool, one, [said] * 2) for one in both * 10))
            return [await check(pool, one, tmp_path / "none") for one in both]

    assert [(one.valid, one.entries) for one in asyncio.run(run())] == [(True, 20)] * 2
