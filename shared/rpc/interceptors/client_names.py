"""Client names: with mutual TLS, which certificates may call at all.

The handshake proves that an authority signed the client's certificate; this asks for whom. The name
is the certificate's (SAN), never that of a header.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from shared.errors import CredentialRefused
from shared.rpc.chain import Concern, ConcernFor

if TYPE_CHECKING:
    from shared.rpc.call import Call
    from shared.rpc.methods import Method

_SAN = "x509_subject_alternative_name"


def client_names(allowed: Iterable[str]) -> ConcernFor:
    """Refuse certificates of other names; without a list every name that was signed is welcome."""
    names = frozenset(name.encode() for name in allowed)

    def enter(call: Call) -> None:
        if names.isdisjoint(call.context.auth_context().get(_SAN, ())):
            raise CredentialRefused("The client certificate is for another name.")

    def concern(method: Method) -> Concern | None:
        return Concern(enter=enter) if names and not method.open else None

    return concern
