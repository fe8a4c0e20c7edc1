from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ingesting import Caller, Ingest, running_ingest
from tests.organisations import Organisation, add_organisation
from tests.postgres import Template


@pytest.fixture(scope="session")
def ingest(template: Template) -> Iterator[Ingest]:
    """One process for all tests here: each takes an organisation of its own."""
    with template.clone() as database, running_ingest(database) as running:
        yield running


@pytest.fixture
def acme(ingest: Ingest) -> Organisation:
    return add_organisation(ingest.database, "Acme")


@pytest.fixture
def globex(ingest: Ingest) -> Organisation:
    return add_organisation(ingest.database, "Globex")


@pytest.fixture
def backend(ingest: Ingest, acme: Organisation) -> Caller:
    """The backend of Acme: role `service`."""
    return ingest.caller(acme)
