"""An organisation that sells one tier, and the login that serves it."""

from __future__ import annotations

import pytest

from tests.guarding import Till, enrol
from tests.organisations import Organisation, add_organisation
from tests.postgres import MigratedDatabase


@pytest.fixture
def acme(database: MigratedDatabase) -> Organisation:
    acme = add_organisation(database, "Acme")
    enrol(acme)
    return acme


@pytest.fixture
def till(acme: Organisation) -> Till:
    till = Till(acme)
    till.tier()
    return till
