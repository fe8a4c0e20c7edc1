from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journeying import Journey, Traveller, running_journey
from tests.organisations import Organisation, add_organisation
from tests.postgres import MigratedDatabase, Template


@pytest.fixture(scope="session")
def shared_database(template: Template) -> Iterator[MigratedDatabase]:
    with template.clone() as database:
        yield database


@pytest.fixture(scope="session")
def journey(shared_database: MigratedDatabase) -> Iterator[Journey]:
    """One process for all tests here: each takes an organisation of its own."""
    with running_journey(shared_database) as running:
        yield running


@pytest.fixture
def acme(shared_database: MigratedDatabase) -> Organisation:
    return add_organisation(shared_database, "Acme")


@pytest.fixture
def globex(shared_database: MigratedDatabase) -> Organisation:
    return add_organisation(shared_database, "Globex")


@pytest.fixture
def caller(journey: Journey, acme: Organisation) -> Traveller:
    """The backend of Acme: role `service`."""
    return journey.traveller(acme)
