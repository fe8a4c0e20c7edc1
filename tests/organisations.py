"""Organisations for tests, made as the command line makes them: by the owner of the schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from shared.database import Tenant
from shared.identity.api_keys import new_api_key
from tests.postgres import MigratedDatabase

MEMBERS: Mapping[str, str] = {
    "olga": "owner",
    "adam": "admin",
    "mia": "member",
    "milo": "member",
    "backend": "service",
}
"""Subject and role of everyone whom a new organisation has."""


@dataclass(frozen=True)
class Organisation:
    """One that exists, with its members."""

    org_id: UUID
    database: MigratedDatabase

    def tenant(self, subject: str = "backend") -> Tenant:
        """For whom a transaction works when this member calls."""
        return Tenant(self.org_id, MEMBERS[subject], subject)

    def api_key(
        self,
        subject: str = "backend",
        *,
        role: str | None = None,
        scopes: Sequence[str] | None = None,
    ) -> str:
        """A new key of the subject, as its holder sends it as bearer."""
        key = new_api_key()
        self.database.execute(
            "INSERT INTO app.api_keys (org_id, key_id, secret_hash, role, subject, scopes,"
            " created_at) VALUES (%s, %s, %s, %s, %s, %s, %s)",
            self.org_id,
            key.key_id,
            key.secret_hash,
            role or MEMBERS[subject],
            subject,
            None if scopes is None else list(scopes),
            datetime.now(UTC),
        )
        return key.text

    def set(self, column: str, value: object) -> None:
        """Change a setting of the organisation: a column of app.organisations."""
        self.database.execute(
            f"UPDATE app.organisations SET {column} = %s WHERE org_id = %s", value, self.org_id
        )


def add_organisation(database: MigratedDatabase, name: str = "Acme") -> Organisation:
    org_id, now = uuid4(), datetime.now(UTC)
    database.execute(
        "INSERT INTO app.organisations (org_id, name, created_at) VALUES (%s, %s, %s)",
        org_id,
        name,
        now,
    )
    database.execute(
        "INSERT INTO app.members (org_id, subject, role, created_at)"
        " SELECT %s, subject, role, %s FROM unnest(%s::text[], %s::text[]) AS m (subject, role)",
        org_id,
        now,
        list(MEMBERS),
        list(MEMBERS.values()),
    )
    return Organisation(org_id, database)
