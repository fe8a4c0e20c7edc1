"""Real services of journey and pricing, and the command line that calls them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bargaining import Pricing, running_pricing
from tests.commanding import Commands, PricingCommands
from tests.journeying import Journey, running_journey
from tests.organisations import Organisation, add_organisation
from tests.postgres import Template


@pytest.fixture(scope="module")
def journey_service(template: Template) -> Iterator[Journey]:
    with template.clone() as database, running_journey(database) as journey:
        yield journey


@pytest.fixture
def studio(journey_service: Journey) -> Organisation:
    return add_organisation(journey_service.database, "Studio")


@pytest.fixture
def journey(
    journey_service: Journey, studio: Organisation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Commands:
    """As a service of the studio; checkpoints of imports are kept apart."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return Commands(journey_service, studio.api_key())


@pytest.fixture(scope="module")
def pricing_service(template: Template) -> Iterator[Pricing]:
    with template.clone() as database, running_pricing(database) as pricing:
        yield pricing


@pytest.fixture
def shop(pricing_service: Pricing) -> Organisation:
    return add_organisation(pricing_service.database, "Shop")


@pytest.fixture
def ann(pricing_service: Pricing, shop: Organisation) -> PricingCommands:
    """An admin of the shop."""
    return PricingCommands(pricing_service, pricing_service.seller(shop, "ann").bearer)


@pytest.fixture
def bob(pricing_service: Pricing, shop: Organisation) -> PricingCommands:
    """Another one."""
    return PricingCommands(pricing_service, pricing_service.seller(shop, "bob").bearer)
