"""No login reads or writes what is another organisation's, by whatever verb."""

from __future__ import annotations

import pytest

from tests.security import matrix
from tests.security.ground import Check, Ground


@pytest.mark.parametrize("check", matrix.CHECKS, ids=lambda check: check.__name__)
def test_the_wall_holds(ground: Ground, check: Check) -> None:
    assert check(ground) == []
