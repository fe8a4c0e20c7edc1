from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from shared.database import Database
from tests.journeying import Journey, Traveller, running_journey
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase


@dataclass
class HeldClock:
    """Stands still until it is set."""

    moment: datetime = field(default_factory=lambda: datetime.now(UTC))

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def passes(self, **time: float) -> None:
        self.moment += timedelta(**time)


@pytest.fixture
def clock() -> HeldClock:
    """The worker's; the services have the real one."""
    return HeldClock()


@pytest.fixture
async def worker(database: MigratedDatabase) -> AsyncIterator[Database]:
    """The service's own login."""
    opened = Database(database.urls["footfall_journey"], application_name="test")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def across(database: MigratedDatabase) -> AsyncIterator[Database]:
    """The maintenance login."""
    opened = Database(database.urls["footfall_maintenance"], application_name="test")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def journey(database: MigratedDatabase) -> Iterator[Journey]:
    with running_journey(database) as running:
        yield running


@pytest.fixture
def caller(journey: Journey, organisation: Organisation) -> Traveller:
    """The backend of the organisation."""
    return journey.traveller(organisation)


@pytest.fixture
def neighbour(journey: Journey, other_organisation: Organisation) -> Traveller:
    """The backend of the other organisation."""
    return journey.traveller(other_organisation)
