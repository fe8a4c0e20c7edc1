"""What every test may ask for. A database costs about 30 ms: take a fresh one, share nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.organisations import Organisation, add_organisation
from tests.postgres import MigratedDatabase, Template, cluster


@pytest.fixture(scope="session")
def template() -> Iterator[Template]:
    """A cluster with a migrated database; with several workers each has its own."""
    with cluster() as postgres:
        yield Template(postgres)


@pytest.fixture
def database(template: Template) -> Iterator[MigratedDatabase]:
    """A migrated database of this test alone, empty."""
    with template.clone() as clone:
        yield clone


@pytest.fixture
def organisation(database: MigratedDatabase) -> Organisation:
    """An organisation of that database, with a member of each role."""
    return add_organisation(database, "Acme")


@pytest.fixture
def other_organisation(database: MigratedDatabase) -> Organisation:
    """Another organisation of the same database: the neighbour who must see nothing."""
    return add_organisation(database, "Globex")
