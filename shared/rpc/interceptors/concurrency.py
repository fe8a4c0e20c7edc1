"""Concurrency: no more calls in hand than can be finished in time, and nobody holds them all.

Streams are counted apart from unary calls: they live for minutes and mostly wait, so a thousand of
them must not keep the door shut for calls that need milliseconds. Apart from both are the methods
that need no credential: strangers take no room from callers, and a busy service is still healthy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from shared.errors import Overloaded
from shared.rpc.chain import Concern, ConcernFor

if TYPE_CHECKING:
    from shared.rpc.call import Call
    from shared.rpc.methods import Method
    from shared.rpc.status import Failure


_MOST_OPEN_CALLS = 256


@dataclass(slots=True)
class InFlight:
    """The calls of one kind that are in hand."""

    limit: int
    org_limit: int
    total: int = 0
    by_org: dict[UUID, int] = field(default_factory=dict)

    @classmethod
    def of(cls, limit: int, org_share: float) -> InFlight:
        """Nothing yet; an organisation may hold its share, and always one call."""
        return cls(limit, max(1, int(limit * org_share)))


def process_share(unary: InFlight, streams: InFlight) -> ConcernFor:
    """Bound what the process has in hand; before the credential, which may itself take work."""
    without_credential = InFlight.of(_MOST_OPEN_CALLS, 1)

    def concern(method: Method) -> Concern:
        in_flight = streams if method.streaming else unary
        if method.open:
            in_flight = without_credential

        def enter(_: Call) -> None:
            if in_flight.total >= in_flight.limit:
                raise Overloaded
            in_flight.total += 1

        def leave(_: Call, __: Failure | None) -> None:
            in_flight.total -= 1

        return Concern(enter=enter, leave=leave)

    return concern


def organisation_share(unary: InFlight, streams: InFlight) -> ConcernFor:
    """Bound what one organisation has in hand, so that the others always find room."""

    def concern(method: Method) -> Concern | None:
        in_flight = streams if method.streaming else unary
        by_org = in_flight.by_org

        def enter(call: Call) -> None:
            org = call.identity.org_id
            held = by_org.get(org, 0)
            if held >= in_flight.org_limit:
                raise Overloaded("Too many calls of this organisation are in hand.")
            by_org[org] = held + 1

        def leave(call: Call, _: Failure | None) -> None:
            org = call.identity.org_id
            if (held := by_org[org] - 1) > 0:
                by_org[org] = held
            else:
                del by_org[org]  # the dict never outgrows what is in flight

        return None if method.open else Concern(enter=enter, leave=leave)

    return concern
