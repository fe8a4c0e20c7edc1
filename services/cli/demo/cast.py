"""Who plays in the demo: an organisation per carrier, each with its key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from services.cli.calling import Caller
from services.cli.demo.flights import CARRIERS, TIME_ZONE
from services.cli.desk import owner_url
from shared.clock import SystemClock
from shared.data_dir import DataDir
from shared.identity.administration import credentials, organisations
from shared.identity.administration.credentials import KeyWish
from shared.identity.administration.desk import Desk, open_desk
from shared.identity.administration.organisations import OrganisationSettings
from shared.identity.identity import Role

_SUBJECT = "demo"
ANN, BOB, BACKEND = "ann", "bob", "backend"
"""Two people who decide on prices, and what works for them."""


@dataclass(frozen=True, slots=True)
class Organisation:
    """One of the cast, and how it calls."""

    code: str
    name: str
    org_id: UUID
    caller: Caller


@dataclass(frozen=True, slots=True)
class Staff:
    """Who works in one organisation, and how each calls."""

    org_id: UUID
    callers: Mapping[str, Caller]


async def assembled(data_dir: DataDir, address: str) -> Mapping[str, Organisation]:
    """The sixteen carriers, by their codes."""
    async with _desk(data_dir) as desk:
        return {code: await _made(desk, code, name, address) for code, name in CARRIERS.items()}


async def stranger(data_dir: DataDir, address: str) -> Organisation:
    """One who has nothing to do with them."""
    async with _desk(data_dir) as desk:
        return await _made(desk, "??", "Strangers Inc.", address)


async def studio(data_dir: DataDir, address: str) -> Organisation:
    """The one whose clients are simulated."""
    async with _desk(data_dir) as desk:
        return await _made(desk, "ST", "A studio with simulated clients", address)


async def shop(data_dir: DataDir, address: str) -> Staff:
    """The one whose sales are simulated."""
    roles = {ANN: Role.ADMIN, BOB: Role.ADMIN, BACKEND: Role.SERVICE}
    settings = OrganisationSettings("A shop with simulated sales", retention_days=None)
    async with _desk(data_dir) as desk:
        org_id = await organisations.create(desk, settings)
        keys = {
            subject: await credentials.create_key(desk, org_id, KeyWish(role, subject))
            for subject, role in roles.items()
        }
    return Staff(org_id, {name: Caller(address, made.key.text) for name, made in keys.items()})


@asynccontextmanager
async def _desk(data_dir: DataDir) -> AsyncIterator[Desk]:
    async with open_desk(owner_url(data_dir, {}), SystemClock(), "operator:demo") as desk:
        yield desk


async def _made(desk: Desk, code: str, name: str, address: str) -> Organisation:
    """With time zone and retention of the data: these events are older than the default keeps."""
    settings = OrganisationSettings(name, time_zone=TIME_ZONE, retention_days=None)
    org_id = await organisations.create(desk, settings)
    made = await credentials.create_key(desk, org_id, KeyWish(Role.SERVICE, _SUBJECT))
    return Organisation(code, name, org_id, Caller(address, made.key.text))
