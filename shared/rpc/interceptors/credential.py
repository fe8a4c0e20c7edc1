"""The credential: who calls. Nothing is decoded, counted or looked up for a caller we do not know.

Verified credentials are remembered, so the usual call pays one look into a dict; only the first one
waits for a signature check or the database.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Protocol

from shared.rpc.chain import Concern, ConcernFor

if TYPE_CHECKING:
    from shared.identity.credentials import Credential, Metadata
    from shared.rpc.call import Call
    from shared.rpc.methods import Method


class Authenticator(Protocol):
    """Knows whom a credential speaks for."""

    def cached(self, metadata: Metadata) -> Credential | None:
        """The caller, when this credential was verified a short while ago."""
        ...

    async def authenticate(self, metadata: Metadata) -> Credential:
        """The caller, or `CredentialRefused`."""
        ...


def credential(authenticator: Authenticator) -> ConcernFor:
    """Refuse whom we do not know, but for the open methods."""

    async def verify(call: Call) -> None:
        call.credential = await authenticator.authenticate(call.metadata)

    def enter(call: Call) -> Awaitable[None] | None:
        call.credential = authenticator.cached(call.metadata)
        return None if call.credential is not None else verify(call)

    def concern(method: Method) -> Concern | None:
        return None if method.open else Concern(enter=enter)

    return concern
