from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.database import Database
from tests.postgres import MigratedDatabase


@pytest.fixture
async def own(database: MigratedDatabase) -> AsyncIterator[Database]:
    """Insight's own login."""
    opened = Database(database.urls["footfall_insight"], application_name="test", size=8)
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
async def writer(database: MigratedDatabase) -> AsyncIterator[Database]:
    """Event-ingest's login."""
    opened = Database(database.urls["footfall_event_ingest"], application_name="test")
    await opened.open()
    yield opened
    await opened.close()
