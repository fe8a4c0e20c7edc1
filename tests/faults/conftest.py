"""Three cycles of each fault in CI; `make faults` runs more, for the release."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cycles", type=int, default=3, help="how often each fault strikes")


@pytest.fixture
def cycles(request: pytest.FixtureRequest) -> int:
    number: int = request.config.getoption("--cycles", default=3)
    return number
