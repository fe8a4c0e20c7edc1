"""The checks themselves are put to the test: each wall is broken, and one of them must turn red.

Attacks must find every mutant, not only the lints: what the catalogue says and what Postgres then
does are two things. A wall that can be broken unseen is listed as a survivor, and the test that
would have seen it is missing. After its mutants a wall stands again as it stood.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from tests.postgres import MigratedDatabase, Template
from tests.security import lints, matrix, roles, side_channels
from tests.security.catalogue import TenantTable, tenant_tables
from tests.security.ground import Check, Ground, ground_on

ATTACKS: Sequence[Check] = (
    matrix.each_verb_stays_at_home,
    *roles.CHECKS,
    matrix.nobody_sees_or_writes_anything,
    *side_channels.CHECKS,
)


def mutants(table: TenantTable, policy: str) -> Iterator[tuple[str, str]]:
    """Each way to break the wall of one table: its name and the statements that do it."""
    on = f"ON app.{table}"
    named = f"ALTER POLICY {table}_tenant {on}"
    yield "no policy", f"DROP POLICY {table}_tenant {on}"
    yield "no FORCE", f"ALTER TABLE app.{table} NO FORCE ROW LEVEL SECURITY"
    yield "no row security", f"ALTER TABLE app.{table} DISABLE ROW LEVEL SECURITY"
    yield "no USING", f"{named} USING (true)"
    yield "no WITH CHECK", f"{named} WITH CHECK (true)"
    for name, broken in _weaker(policy):
        yield f"USING {name}", f"{named} USING ({broken})"
        yield f"WITH CHECK {name}", f"{named} WITH CHECK ({broken})"
    yield "a second, permissive policy", f"CREATE POLICY second {on} USING (true)"
    if table.partition:
        yield "a partition within reach", f"GRANT SELECT ON app.{table.partition} TO footfall_bi"


def _weaker(policy: str) -> Iterator[tuple[str, str]]:
    ours = lints.OURS_ONLY
    yield "of the others", policy.replace(ours, "(org_id <> app.current_org())")
    yield "of everybody", policy.replace(ours, "(app.current_org() IS NOT NULL)")
    yield "for nobody too", f"{policy} OR app.current_org() IS NULL"
    if policy != ours:
        yield "without roles", ours
    if "app.current_user_id()" in policy:
        yield (
            "of any user",
            policy.replace("user_id = app.current_user_id()", "user_id IS NOT NULL"),
        )


def mend(table: TenantTable, policy: str) -> str:
    """What undoes each of them."""
    named, on = f"{table}_tenant", f"ON app.{table}"
    partition = f"; REVOKE SELECT ON app.{table.partition} FROM footfall_bi"
    return (
        f"DROP POLICY IF EXISTS second {on}; DROP POLICY IF EXISTS {named} {on};"
        f" CREATE POLICY {named} {on} USING ({policy}) WITH CHECK ({policy});"
        f" ALTER TABLE app.{table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
        + (partition if table.partition else "")
    )


@pytest.fixture(scope="session")
def tables(planted: MigratedDatabase) -> list[tuple[TenantTable, str]]:
    """Every table of tenants, with the expression of its policy."""
    with planted.connect() as admin:
        policies: dict[str, str] = dict(
            admin.execute(
                "SELECT polrelid::regclass::text, pg_get_expr(polqual, polrelid) FROM pg_policy"
            ).fetchall()
        )
        return [(table, policies[f"app.{table}"]) for table in tenant_tables(admin)]


@pytest.mark.parametrize("part", range(8))
def test_no_broken_wall_goes_unseen(
    template: Template,
    planted: MigratedDatabase,
    tables: list[tuple[TenantTable, str]],
    part: int,
) -> None:
    """In eight parts, so that workers share them; new tables join by themselves."""
    survivors, unmended = [], []
    with template.clone(of=planted.name) as clone:
        for table, policy in tables[part::8]:
            ground = ground_on(clone).only(table)
            for name, statement in mutants(table, policy):
                clone.execute(statement)
                if not any(check(ground) for check in _sentries(name)):
                    survivors.append(f"{table}: {name}")
                clone.execute(mend(table, policy))
            unmended += [finding for check in ATTACKS for finding in check(ground)]
    assert survivors == []
    assert unmended == []


def test_without_a_mutation_all_is_quiet(ground: Ground) -> None:
    """Or else the mutants would die of something else."""
    assert [finding for check in ATTACKS for finding in check(ground.only(*ground.tables))] == []


def _sentries(mutant: str) -> Sequence[Check]:
    """Who must see it: attacks as the probe, whose grants no partition is among."""
    return lints.CHECKS if mutant == "a partition within reach" else ATTACKS
