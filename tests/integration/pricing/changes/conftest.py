from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.effecting import Hands, hands, shop
from tests.guarding import Till
from tests.postgres import MigratedDatabase


@pytest.fixture
def till(database: MigratedDatabase) -> Till:
    """A shop with one tier, and what its people do by the guard's functions."""
    return shop(database)


@pytest.fixture
async def worker(database: MigratedDatabase) -> AsyncIterator[Hands]:
    async with hands(database) as opened:
        yield opened


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    """How often those who act at once do it; `make faults` does it more often, for the release."""
    cycles: int | None = request.config.getoption("--cycles")
    return cycles or 20
