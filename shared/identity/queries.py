"""What a credential has to ask the database, and what it leaves there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row, dict_row

from shared.database import RawConnection


@dataclass(frozen=True, slots=True)
class StoredKey:
    """An API key as it is kept, and the member row of its subject, if there is one."""

    org_id: UUID
    key_id: str
    secret_hash: bytes
    role: str
    subject: str
    scopes: list[str] | None
    expires_at: datetime | None
    revoked_at: datetime | None
    key_calls_per_second: int | None
    org_calls_per_second: int | None
    member_role: str | None
    member_disabled: bool | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What the organisation says of a subject now."""

    role: str
    disabled: bool
    token_revoked: bool
    org_calls_per_second: int | None


async def select_api_keys(connection: RawConnection, key_id: str) -> list[StoredKey]:
    """The keys of that id, whoever's they are: the one look-up across organisations."""
    async with connection.cursor(row_factory=class_row(StoredKey)) as cursor:
        await cursor.execute(
            "SELECT org_id, key_id, secret_hash, role, subject, scopes, expires_at, revoked_at,"
            " key_calls_per_second, org_calls_per_second, member_role, member_disabled"
            " FROM app.find_api_key(%s)",
            (key_id,),
        )
        return await cursor.fetchall()


async def select_standing(
    connection: RawConnection, org_id: UUID, subject: str, token_id: str | None
) -> Standing | None:
    """The member row with all that decides over a credential of its subject."""
    async with connection.cursor(row_factory=class_row(Standing)) as cursor:
        await cursor.execute(
            "SELECT m.role, m.disabled,"
            " EXISTS (SELECT FROM app.revoked_tokens t"
            "   WHERE t.org_id = %(org)s AND t.token_id = %(token)s) AS token_revoked,"
            " o.calls_per_second AS org_calls_per_second"
            " FROM app.members m JOIN app.organisations o ON o.org_id = m.org_id"
            " WHERE m.org_id = %(org)s AND m.subject = %(subject)s AND o.org_id = %(org)s",
            {"org": org_id, "subject": subject, "token": token_id},
        )
        return await cursor.fetchone()


async def update_last_use(connection: RawConnection, org_id: UUID, key_id: str) -> None:
    """Note that the key is in use; the function does so at most once a minute."""
    await connection.execute("SELECT app.touch_api_key(%s, %s)", (org_id, key_id))


async def select_organisations(connection: RawConnection) -> list[dict[str, Any]]:
    """All organisations; only the owner of the schema sees more than its tenant's."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            "SELECT org_id, name, time_zone, currency, retention_days, keep_ip, calls_per_second,"
            " events_per_day, created_at FROM app.organisations ORDER BY created_at, org_id"
        )
        return await cursor.fetchall()
