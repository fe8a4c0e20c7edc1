"""Who a verified credential speaks for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from shared.database import Tenant


class Role(StrEnum):
    """What someone is in an organisation, from the strongest to the weakest."""

    OWNER = "owner"
    ADMIN = "admin"
    SERVICE = "service"
    MEMBER = "member"


_STRENGTH = {role: len(Role) - place for place, role in enumerate(Role)}


def weaker(one: Role, other: Role) -> Role:
    """The weaker of two roles.

    A credential never raises its subject above the member row, and never gives more than it says:
    `service` in either place means that no decision is taken, whatever the other place says.
    """
    return min(one, other, key=_STRENGTH.__getitem__)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls, for which organisation, as what; made by `credentials` and nobody else."""

    org_id: UUID
    subject: str
    role: Role
    scopes: frozenset[str] | None = None
    """None means all that the role has."""
    key_id: str | None = None
    """The API key, when the credential is one."""
    act: str | None = None
    """Who asked, when a service calls for somebody."""

    @property
    def tenant(self) -> Tenant:
        """For whom the database works: what row-level security sees."""
        return Tenant(self.org_id, self.role.value, self.subject)

    @property
    def recording_tenant(self) -> Tenant:
        """The same where an act is recorded: members may do it, not write to the log themselves."""
        return Tenant(self.org_id, Role.SERVICE.value, self.subject)

    @property
    def actor(self) -> str:
        """Whom the audit log names: the one who asked, not the service in between."""
        return self.act or self.subject

    def has_scope(self, scope: str) -> bool:
        """Whether the credential reaches that far; the role is another question."""
        return self.scopes is None or scope in self.scopes


@dataclass(frozen=True, slots=True)
class Claims:
    """What a genuine credential says of itself, before the member row had its word."""

    org_id: UUID
    subject: str
    role: Role
    expires_at: float | None
    """Seconds since 1970; None for a key that has no end."""
    scopes: frozenset[str] | None = None
    key_id: str | None = None
    key_calls_per_second: int | None = None
    token_id: str | None = None
    """By which a single token can be revoked."""
    act: str | None = None
    internal: bool = False
    """It speaks for a service of ours, which has no member row."""
