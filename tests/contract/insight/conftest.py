from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ingesting import Caller, Ingest, running_folding, running_ingest
from tests.insighting import Asker, Insight, running_insight
from tests.organisations import Organisation, add_organisation
from tests.postgres import MigratedDatabase, Template


@pytest.fixture(scope="session")
def shared_database(template: Template) -> Iterator[MigratedDatabase]:
    with template.clone() as database:
        yield database


@pytest.fixture(scope="session")
def ingest(shared_database: MigratedDatabase) -> Iterator[Ingest]:
    """One process for all tests here: each takes an organisation of its own."""
    with running_ingest(shared_database) as running:
        yield running


@pytest.fixture(scope="session")
def insight(shared_database: MigratedDatabase) -> Iterator[Insight]:
    """One process for all tests here, on the same database."""
    with running_insight(shared_database) as running:
        yield running


@pytest.fixture(scope="session")
def folding(shared_database: MigratedDatabase) -> Iterator[None]:
    """The worker of event-ingest: what depends on features and clients follows within seconds."""
    with running_folding(shared_database):
        yield


@pytest.fixture
def acme(shared_database: MigratedDatabase) -> Organisation:
    return add_organisation(shared_database, "Acme")


@pytest.fixture
def globex(shared_database: MigratedDatabase) -> Organisation:
    return add_organisation(shared_database, "Globex")


@pytest.fixture
def backend(ingest: Ingest, acme: Organisation) -> Caller:
    """The backend of Acme: role `service`."""
    return ingest.caller(acme)


@pytest.fixture
def asker(insight: Insight, acme: Organisation) -> Asker:
    """Someone of Acme who asks: role `service`."""
    return insight.asker(acme)
