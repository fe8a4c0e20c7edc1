"""The header `x-org-id`: it may repeat the credential's organisation, never choose another.

The tenant is the credential's. Someone who names a foreign one is mistaken or trying doors, so the
attempt is put on record before it is refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from shared.errors import ForeignOrganisation
from shared.identity.foreign_organisation import named_elsewhere
from shared.rpc.chain import Concern, ConcernFor

if TYPE_CHECKING:
    from shared.rpc.call import Call
    from shared.rpc.methods import Method

RecordForeign = Callable[["Call", str], Awaitable[None]]
"""Puts an attempt on record: the call, and the organisation that its header names."""


def foreign_organisation(record: RecordForeign) -> ConcernFor:
    """Refuse, and record, a header that names another organisation."""

    async def refuse(call: Call, named: str) -> None:
        await record(call, named)
        raise ForeignOrganisation

    def enter(call: Call) -> Awaitable[None] | None:
        named = named_elsewhere(call.metadata, call.identity.org_id)
        return None if named is None else refuse(call, named)

    def concern(method: Method) -> Concern | None:
        return None if method.open else Concern(enter=enter)

    return concern
