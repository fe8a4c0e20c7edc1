"""Who belongs to an organisation, and as what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from shared.identity.administration.desk import Act, ActRefused, Desk
from shared.identity.identity import Role
from shared.schema.organisations import members


@dataclass(frozen=True, slots=True)
class Member:
    """A subject of an organisation as it stands."""

    subject: str
    role: Role
    disabled: bool
    created_at: datetime


async def add(desk: Desk, org_id: UUID, subject: str, role: Role) -> None:
    """Let somebody in."""
    async with desk.acting(org_id) as act:
        if not await add_missing(act, subject, role, desk.clock.now()):
            raise ActRefused(
                f"{subject} is a member of {org_id} already. "
                f"Change the role with `footfall member set-role`."
            )


async def add_missing(act: Act, subject: str, role: Role, now: datetime) -> bool:
    """Let somebody in who is not in yet; whether that was so."""
    added = await act.transaction.connection.scalar(
        insert(members)
        .values(org_id=act.org_id, subject=subject, role=role.value, created_at=now)
        .on_conflict_do_nothing()
        .returning(members.c.subject)
    )
    if added is not None:
        await act.record("member.add", subject, role=role.value)
    return added is not None


async def set_role(desk: Desk, org_id: UUID, subject: str, role: Role) -> None:
    """Make somebody something else; credentials follow within a minute."""
    await _change(desk, org_id, subject, "member.set_role", {"role": role.value})


async def set_disabled(desk: Desk, org_id: UUID, subject: str, *, disabled: bool) -> None:
    """Keep somebody out for a while, or let them in again."""
    action = "member.disable" if disabled else "member.enable"
    await _change(desk, org_id, subject, action, {"disabled": disabled})


async def remove(desk: Desk, org_id: UUID, subject: str) -> None:
    """Let somebody go: credentials of theirs stop within a minute."""
    async with desk.acting(org_id) as act:
        removed = await act.transaction.connection.execute(
            delete(members).where(members.c.org_id == org_id, members.c.subject == subject)
        )
        _require_found(removed.rowcount, subject, org_id)
        await act.record("member.remove", subject)


async def all_of_them(desk: Desk, org_id: UUID) -> Sequence[Member]:
    """Every member of the organisation, by name."""
    async with desk.acting(org_id) as act:
        columns = (members.c.subject, members.c.role, members.c.disabled, members.c.created_at)
        rows = await act.transaction.connection.execute(
            select(*columns).where(members.c.org_id == org_id).order_by(members.c.subject)
        )
        return [Member(row.subject, Role(row.role), row.disabled, row.created_at) for row in rows]


async def role_of(act: Act, subject: str) -> Role | None:
    """What somebody is; None for a stranger."""
    role = await act.transaction.connection.scalar(
        select(members.c.role).where(members.c.org_id == act.org_id, members.c.subject == subject)
    )
    return None if role is None else Role(role)


async def _change(
    desk: Desk, org_id: UUID, subject: str, action: str, values: dict[str, object]
) -> None:
    async with desk.acting(org_id) as act:
        changed = await act.transaction.connection.execute(
            update(members)
            .where(members.c.org_id == org_id, members.c.subject == subject)
            .values(**values)
        )
        _require_found(changed.rowcount, subject, org_id)
        await act.record(action, subject, **values)


def _require_found(rows: int, subject: str, org_id: UUID) -> None:
    if not rows:
        raise ActRefused(f"{subject} is no member of {org_id}; see `footfall member list`.")
