"""Readiness: while the database is away nobody waits for it; calls fail at once and may come again.

Health and reflection answer all the same: they are how others learn that we are not ready.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import DatabaseAway
from shared.rpc.chain import Concern, ConcernFor

if TYPE_CHECKING:
    from shared.rpc.call import Call
    from shared.rpc.health import Readiness
    from shared.rpc.methods import Method


def readiness(ready: Readiness) -> ConcernFor:
    """Refuse calls while the service is not ready."""

    def enter(_: Call) -> None:
        if not ready.accepts_calls:
            raise DatabaseAway

    def concern(method: Method) -> Concern | None:
        return None if method.open else Concern(enter=enter)

    return concern
