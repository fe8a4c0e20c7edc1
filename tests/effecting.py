"""What the worker of pricing does with changes, called in this process, and what it leaves."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
from prometheus_client import CollectorRegistry

from services.pricing.changes.usecases.applying import Applying
from services.pricing.changes.usecases.expiring import Expiring
from services.pricing.changes.usecases.reaching import Reaching
from services.pricing.changes.usecases.reviewing import Reviewing
from services.pricing.changes.usecases.steps import Effects
from shared.clock import Clock, SystemClock
from shared.database import Database
from tests.guarding import LOGIN, NOTICE, Till, enrol
from tests.organisations import add_organisation
from tests.postgres import MigratedDatabase

TOPIC = "price_changes"
EFFECTIVE, SUPERSEDED, STALE, CANCELLED, FAILED = 3, 4, 5, 6, 7
SECOND = timedelta(seconds=1)


@dataclass
class Hands:
    """A worker's, with pools of its own."""

    database: Database
    across: Database
    clock: Clock

    @property
    def applying(self) -> Applying:
        return Applying(self.database, self.across, self.clock)

    @property
    def reaching(self) -> Reaching:
        return Reaching(self.database, self.across, self.clock)

    @property
    def expiring(self) -> Expiring:
        return Expiring(self.database, self.across, self.clock)

    @property
    def reviewing(self) -> Reviewing:
        return Reviewing(self.database, self.across, self.clock)

    @property
    def effects(self) -> Effects:
        return Effects(self.database, self.across, self.clock, CollectorRegistry())

    async def reach_all(self) -> int:
        """Until nobody is due any more: what ends a pass says so of the piece, not of all."""
        total, reaching = 0, self.reaching
        while (count := await reaching.reach_due()) or (count := await reaching.reach_due()):
            total += count
        return total


@asynccontextmanager
async def hands(database: MigratedDatabase, size: int = 8) -> AsyncIterator[Hands]:
    """A worker in this process."""
    own = Database(database.urls[LOGIN], application_name="test-worker", size=size)
    across = Database(database.urls["footfall_maintenance"], application_name="test-worker", size=4)
    await asyncio.gather(*(_connected(one) for one in (own, across)))
    try:
        yield Hands(own, across, SystemClock())
    finally:
        await asyncio.gather(own.close(), across.close())


async def _connected(database: Database) -> None:
    """Opened, and answered: the first connection of a busy machine may take its time."""
    await database.open()
    async with asyncio.timeout(30):
        while True:
            try:
                return await database.ping()
            except (psycopg.Error, TimeoutError):
                await asyncio.sleep(0.05)


def shop(database: MigratedDatabase, name: str = "Acme", amount: int = 1000) -> Till:
    """An organisation with people who decide, and a tier `pro` at a price."""
    acme = add_organisation(database, name)
    enrol(acme)
    till = Till(acme)
    till.tier(amount=amount)
    return till


def listen(till: Till, topic: str = TOPIC) -> None:
    """Somebody wants to be told."""
    till.database.execute(
        "INSERT INTO app.webhook_endpoints (org_id, topic, url, secret, created_at, disabled,"
        " disabled_reason) VALUES (%s, %s, 'https://acme.example/', 's', now(), false, '')",
        till.org, topic,
    )  # fmt: skip


def messages(till: Till) -> list[tuple[UUID, dict[str, Any]]]:
    """What is sent, in the order of its ids."""
    rows = till.database.execute(
        "SELECT message_id, body::jsonb FROM app.outbox WHERE org_id = %s AND topic = %s"
        " ORDER BY created_at, message_id", till.org, TOPIC,
    )  # fmt: skip
    return [(one, body) for one, body in rows]


def audited(till: Till, like: str = "%") -> list[tuple[str, str, dict[str, Any]]]:
    """Action, target and details, in the order of the log."""
    return till.database.execute(
        "SELECT action, target, details FROM app.audit_entries WHERE org_id = %s"
        " AND action LIKE %s ORDER BY sequence", till.org, like,
    )  # fmt: skip


def acts(till: Till, target: UUID | str) -> Counter[str]:
    """How often what was done to it, by the audit log."""
    return Counter(action for action, one, _ in audited(till) if one == str(target))


def change_row(till: Till, change: UUID) -> dict[str, Any]:
    [(row,)] = till.database.execute(
        "SELECT to_jsonb(c) FROM app.price_changes c WHERE price_change_id = %s", change
    )
    return dict(row)


def state_of(till: Till, change: UUID) -> int:
    return int(change_row(till, change)["state"])


def versions(till: Till, tier: str = "pro") -> list[tuple[int, int, bool]]:
    """Number, amount, and whether it is in force."""
    return till.database.execute(
        "SELECT version, amount_minor, valid_to IS NULL FROM app.price_versions"
        " WHERE org_id = %s AND tier_id = %s ORDER BY version", till.org, tier,
    )  # fmt: skip


def logged(till: Till) -> list[UUID]:
    """What whoever watches requests is told, in its order."""
    rows = till.database.execute(
        "SELECT unnest(approval_ids) FROM app.approval_changes WHERE org_id = %s ORDER BY position",
        till.org,
    )
    return [one for (one,) in rows]


def reach_at(till: Till, tier: str = "pro") -> Any:
    """When subscribers are looked at next; None while nobody waits."""
    [(at,)] = till.database.execute(
        "SELECT reach_at FROM app.price_versions WHERE org_id = %s AND tier_id = %s"
        " AND valid_to IS NULL", till.org, tier,
    )  # fmt: skip
    return at


def ripen(till: Till, changes: Iterable[UUID], late: timedelta = SECOND) -> None:
    """Let the time of changes come, so much ago, with the notices of it."""
    for change in changes:
        till.travel(change, NOTICE + late)


def work(database: MigratedDatabase) -> None:
    """Do all that is due, as a worker would within seconds."""

    async def act() -> None:
        async with hands(database) as worker:
            while (await worker.applying.apply_due()).changes:
                continue
            await worker.reach_all()
            while await worker.expiring.expire_due():
                continue
            while await worker.reviewing.review_due():
                continue

    asyncio.run(act())
