"""The planted ground, made once per session and cloned for each test; and a service that talks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bargaining import Pricing, running_pricing
from tests.ingesting import Ingest, running_ingest
from tests.insighting import Insight, running_insight
from tests.journeying import Journey, running_journey
from tests.organisations import Organisation, add_organisation
from tests.postgres import MigratedDatabase, Template
from tests.security.ground import Ground, ground_on, plant

TALKATIVE = {"FOOTFALL_LOG_LEVEL": "debug", "FOOTFALL_ACCESS_LOG": "all"}


@pytest.fixture(scope="session")
def planted(template: Template) -> Iterator[MigratedDatabase]:
    """A database with rows of two organisations; nobody stays connected, for it is cloned."""
    with template.clone() as database:
        plant(database)
        yield database


@pytest.fixture
def ground(template: Template, planted: MigratedDatabase) -> Iterator[Ground]:
    """A clone of it, to be attacked."""
    with template.clone(of=planted.name) as clone:
        yield ground_on(clone)


@pytest.fixture(scope="session")
def ingest(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingest]:
    """One real process for all tests here, which writes down every call."""
    log = tmp_path_factory.mktemp("service") / "log"
    with template.clone() as database, running_ingest(database, log, **TALKATIVE) as running:
        yield running


@pytest.fixture(scope="session")
def insight(ingest: Ingest) -> Iterator[Insight]:
    """One real process on the same database."""
    with running_insight(ingest.database) as running:
        yield running


@pytest.fixture(scope="session")
def journey(ingest: Ingest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    """Likewise, and it writes down every call too."""
    log = tmp_path_factory.mktemp("journey") / "log"
    with running_journey(ingest.database, log, **TALKATIVE) as running:
        yield running


@pytest.fixture(scope="session")
def pricing(ingest: Ingest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pricing]:
    """Likewise."""
    log = tmp_path_factory.mktemp("pricing") / "log"
    with running_pricing(ingest.database, log, **TALKATIVE) as running:
        yield running


@pytest.fixture
def acme(ingest: Ingest) -> Organisation:
    return add_organisation(ingest.database, "Acme")


@pytest.fixture
def globex(ingest: Ingest) -> Organisation:
    """The neighbour who must learn nothing."""
    return add_organisation(ingest.database, "Globex")
