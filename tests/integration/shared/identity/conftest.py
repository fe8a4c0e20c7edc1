"""What the tests of credentials may ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.gate import Gate, open_gate
from tests.postgres import MigratedDatabase


@pytest_asyncio.fixture
async def gate(database: MigratedDatabase) -> AsyncIterator[Gate]:
    async with open_gate(database) as opened:
        yield opened
