"""Giving out API keys, and taking them and tokens back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from shared.identity.administration import members
from shared.identity.administration.desk import Act, ActRefused, Desk
from shared.identity.api_keys import ApiKey, new_api_key
from shared.identity.identity import Role, weaker
from shared.identity.queries import select_api_keys
from shared.schema.organisations import api_keys, revoked_tokens


@dataclass(frozen=True, slots=True)
class KeyWish:
    """What a new key shall be able to do; None of scopes means all that its role has."""

    role: Role
    subject: str
    scopes: Sequence[str] | None = None
    expires_in_days: int | None = None
    calls_per_second: int | None = None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key at the one moment when its secret is known, and what it can do."""

    key: ApiKey
    role: Role
    """The weaker of the key's and the member's."""


@dataclass(frozen=True, slots=True)
class KeptKey:
    """A key as it stands."""

    key_id: str
    role: Role
    subject: str
    scopes: list[str] | None
    calls_per_second: int | None
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime


async def create_key(desk: Desk, org_id: UUID, wish: KeyWish) -> NewKey:
    """A key; its subject becomes a member of the key's role unless it is one already."""
    key, now = new_api_key(), desk.clock.now()
    async with desk.acting(org_id) as act:
        await members.add_missing(act, wish.subject, wish.role, now)
        await act.transaction.connection.execute(
            insert(api_keys).values(
                org_id=org_id,
                key_id=key.key_id,
                secret_hash=key.secret_hash,
                role=wish.role.value,
                subject=wish.subject,
                scopes=wish.scopes,
                calls_per_second=wish.calls_per_second,
                expires_at=_in_days(now, wish.expires_in_days),
                created_at=now,
            )
        )
        await _record_key(act, key, wish)
        standing = await members.role_of(act, wish.subject)
    return NewKey(key, weaker(wish.role, standing or wish.role))


async def keys_of(desk: Desk, org_id: UUID) -> Sequence[KeptKey]:
    """Every key of the organisation, the newest first."""
    columns = [column for column in api_keys.c if column.name not in {"org_id", "secret_hash"}]
    async with desk.acting(org_id) as act:
        rows = await act.transaction.connection.execute(
            select(*columns)
            .where(api_keys.c.org_id == org_id)
            .order_by(api_keys.c.created_at.desc(), api_keys.c.key_id)
        )
        return [KeptKey(**{**row, "role": Role(row["role"])}) for row in rows.mappings()]


async def revoke_key(desk: Desk, key_id: str) -> None:
    """Take a key back: it stops within a minute. To do so again changes nothing."""
    async with desk.database.across_tenants() as connection:
        found = await select_api_keys(connection, key_id)
    if not found:
        raise ActRefused(f"There is no key {key_id}; see `footfall key list`.")
    async with desk.acting(found[0].org_id) as act:
        revoked = await act.transaction.connection.execute(
            update(api_keys)
            .where(
                api_keys.c.org_id == act.org_id,
                api_keys.c.key_id == key_id,
                api_keys.c.revoked_at.is_(None),
            )
            .values(revoked_at=desk.clock.now())
        )
        if revoked.rowcount:
            await act.record("api_key.revoke", key_id, subject=found[0].subject)


async def revoke_token(desk: Desk, org_id: UUID, token_id: str, days: int) -> None:
    """Refuse the token with that `jti` from now on; forgotten after the days, when it has ended."""
    until = desk.clock.now() + timedelta(days=days)
    async with desk.acting(org_id) as act:
        values = {"org_id": org_id, "token_id": token_id, "expires_at": until}
        await act.transaction.connection.execute(
            insert(revoked_tokens)
            .values(**values)
            .on_conflict_do_update(
                index_elements=["org_id", "token_id"], set_={"expires_at": until}
            )
        )
        await act.record("token.revoke", token_id, until=until.isoformat())


async def _record_key(act: Act, key: ApiKey, wish: KeyWish) -> None:
    await act.record(
        "api_key.create",
        key.key_id,
        role=wish.role.value,
        subject=wish.subject,
        scopes=wish.scopes,
        expires_in_days=wish.expires_in_days,
    )


def _in_days(now: datetime, days: int | None) -> datetime | None:
    return None if days is None else now + timedelta(days=days)
