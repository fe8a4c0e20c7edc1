from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bargaining import Pricing, Seller, running_pricing
from tests.organisations import Organisation, add_organisation
from tests.postgres import MigratedDatabase, Template


@pytest.fixture(scope="session")
def shared_database(template: Template) -> Iterator[MigratedDatabase]:
    with template.clone() as database:
        yield database


@pytest.fixture(scope="session")
def pricing(shared_database: MigratedDatabase) -> Iterator[Pricing]:
    """One process for all tests here: each takes an organisation of its own."""
    with running_pricing(shared_database) as running:
        yield running


@pytest.fixture
def acme(shared_database: MigratedDatabase) -> Organisation:
    return add_organisation(shared_database, "Acme")


@pytest.fixture
def globex(shared_database: MigratedDatabase) -> Organisation:
    return add_organisation(shared_database, "Globex")


@pytest.fixture
def ann(pricing: Pricing, acme: Organisation) -> Seller:
    """An administrator of Acme."""
    return pricing.seller(acme, "ann", role="admin")


@pytest.fixture
def bob(pricing: Pricing, acme: Organisation) -> Seller:
    """Another one."""
    return pricing.seller(acme, "bob", role="admin")


@pytest.fixture
def robot(pricing: Pricing, acme: Organisation) -> Seller:
    """The backend of Acme: role `service`."""
    return pricing.seller(acme)
