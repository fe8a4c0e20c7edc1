"""Open streams, known by name so that a stopping service can ask them to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.rpc.chain import Concern, ConcernFor

if TYPE_CHECKING:
    from shared.rpc.call import Call
    from shared.rpc.methods import Method
    from shared.rpc.status import Failure


def known_streams(streams: set[Call]) -> ConcernFor:
    """Keep the calls that stream in `streams` while they run."""

    def leave(call: Call, _: Failure | None) -> None:
        streams.discard(call)

    def concern(method: Method) -> Concern | None:
        return Concern(enter=streams.add, leave=leave) if method.streaming else None

    return concern
