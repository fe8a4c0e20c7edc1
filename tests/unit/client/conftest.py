from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def talkative() -> Iterator[None]:
    """The library's log as it comes: commands of ours silence it for the process they run in."""
    log = logging.getLogger("footfall_client")
    before = log.level
    log.setLevel(logging.NOTSET)
    yield
    log.setLevel(before)
