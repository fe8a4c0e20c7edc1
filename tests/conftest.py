"""What every test may ask for. A database costs about 30 ms: take a fresh one, share nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.organisations import Organisation, add_organisation
from tests.postgres import MigratedDatabase, Template, cluster

# As where statistics are computed: on a busy machine threads of BLAS wait for each other's turns.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples on every run, however slow the machine: a commit that passed passes again.
# HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cycles", type=int, help="how often each fault strikes, each race is run")


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
