"""Three cycles of each fault in CI; `make faults` runs more, for the release."""

from __future__ import annotations

import pytest


@pytest.fixture
def cycles(request: pytest.FixtureRequest) -> int:
    number: int | None = request.config.getoption("--cycles")
    return number or 3
