"""Permission: the scope that the contract names, then the roles that the table names.

Asked before anything is looked up, so that who may not call learns nothing of what exists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import RoleNotPermitted, ScopeMissing
from shared.rpc.chain import Concern

if TYPE_CHECKING:
    from shared.rpc.call import Call
    from shared.rpc.methods import Method


def permission(method: Method) -> Concern | None:
    """Refuse a credential that does not reach as far as the method."""
    scope, roles = method.scope, method.roles

    def enter(call: Call) -> None:
        identity = call.identity
        if identity.scopes is not None and scope not in identity.scopes:
            raise ScopeMissing(scope=scope)
        if identity.role not in roles:
            raise RoleNotPermitted(role=identity.role.value)

    return None if method.open else Concern(enter=enter)
