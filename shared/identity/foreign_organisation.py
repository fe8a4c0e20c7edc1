"""A caller who names another organisation than its own, and the trace that this leaves.

No request says for whom it is made: the credential does. An `x-org-id` header that agrees is
harmless and one that does not is a mistake or an attempt; both are worth an entry in the audit log.
"""

from __future__ import annotations

from uuid import UUID

from shared.database import Database
from shared.identity.credentials import Metadata
from shared.identity.identity import Identity
from shared.schema import audit

_MAX_NAMED_LENGTH = 64


def named_elsewhere(metadata: Metadata, org_id: UUID) -> str | None:
    """The foreign organisation that the metadata names, None when it names none."""
    named = metadata.get("x-org-id")
    if named is None or _same(named, org_id):
        return None
    return ascii(named)[:_MAX_NAMED_LENGTH]


async def record(database: Database, identity: Identity, *, named: str, method: str) -> None:
    """Write down who named which organisation, in the log of the caller's own."""
    async with database.raw_transaction(identity.recording_tenant) as connection:
        await audit.append(
            connection,
            identity.org_id,
            actor=identity.actor,
            actor_role=identity.role.value,
            action="foreign_organisation.refuse",
            target=method,
            details={"named": named, "key_id": identity.key_id},
        )


def _same(value: str | bytes, org_id: UUID) -> bool:
    try:
        return isinstance(value, str) and UUID(value) == org_id
    except ValueError:
        return False
