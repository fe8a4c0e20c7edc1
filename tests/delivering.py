"""The outbox' way out under test: in this process, or as a program that can be killed."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prometheus_client import CollectorRegistry

from services.insight.webhooks.rules import signing
from services.insight.webhooks.rules.endpoints import FEED_CONCIERGE
from services.insight.webhooks.usecases.delivering import Deliveries
from services.insight.webhooks.usecases.numbers import Numbers
from services.insight.webhooks.usecases.posting import Poster
from shared import ids
from shared.clock import SystemClock
from shared.database import Database
from shared.identity.administration import webhooks
from shared.identity.administration.desk import open_desk
from shared.schema import logins, outbox
from tests.organisations import Organisation

LEASE_SECONDS = 1.0


class ShiftedClock(SystemClock):
    """The real time and so much more."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


async def listen(organisation: Organisation, url: str, topic: str = FEED_CONCIERGE) -> str:
    """Have a topic sent to a URL, as the command line does; the secret that signs it."""
    secret = signing.to_secret(secrets.token_bytes(32))
    owner_url = organisation.database.urls[logins.OWNER]
    async with open_desk(owner_url, SystemClock(), "operator:test") as desk:
        await webhooks.set_url(desk, organisation.org_id, topic, url, secret)
    return secret


async def publish(
    organisation: Organisation, count: int = 1, topic: str = FEED_CONCIERGE
) -> list[str]:
    """Put messages into the outbox, as publishing does; their ids."""
    tenant = organisation.tenant()
    made = [UUID(bytes=ids.uuid7(int(datetime.now(UTC).timestamp() * 1000))) for _ in range(count)]
    database = Database(organisation.database.urls["footfall_insight"], application_name="test")
    await database.open()
    try:
        async with database.raw_transaction(tenant) as raw:
            for number, message_id in enumerate(made):
                body = {"type": topic, "data": {"number": number}}
                await outbox.append(
                    raw, tenant.org_id, message_id=message_id, topic=topic, body=body
                )
    finally:
        await database.close()
    return [str(message_id) for message_id in made]


def messages(organisation: Organisation, columns: str = "state") -> list[Any]:
    """What the outbox says of the organisation's messages, the oldest first."""
    return organisation.database.execute(
        f"SELECT {columns} FROM app.outbox WHERE org_id = %s ORDER BY message_id",
        organisation.org_id,
    )


async def until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - on what the database says
            await asyncio.sleep(0.02)


@asynccontextmanager
async def delivering(
    organisation: Organisation,
    poster: Poster | None = None,
    clock: ShiftedClock | None = None,
    registry: CollectorRegistry | None = None,
) -> AsyncIterator[Deliveries]:
    """Deliver for all organisations of the database, in the background."""
    urls = organisation.database.urls
    async with _deliveries(
        urls["footfall_insight"],
        urls[logins.MAINTENANCE],
        poster or Poster(allow_private=True),
        clock or ShiftedClock(),
        registry,
    ) as deliveries:
        working = asyncio.create_task(_over_and_over(deliveries))
        try:
            yield deliveries
        finally:
            failed = working.done()
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working
            assert not failed


@asynccontextmanager
async def _deliveries(
    url: str,
    maintenance_url: str,
    poster: Poster,
    clock: ShiftedClock,
    registry: CollectorRegistry | None = None,
) -> AsyncIterator[Deliveries]:
    database = Database(url, application_name="deliveries", size=4)
    across = Database(maintenance_url, application_name="deliveries", size=1)
    numbers = Numbers(registry or CollectorRegistry())
    deliveries = Deliveries(
        database, across, clock, poster, numbers, lease_seconds=LEASE_SECONDS, closing_seconds=0.0
    )
    await asyncio.gather(database.open(), across.open())
    try:
        yield deliveries
    finally:
        await deliveries.close()
        await asyncio.gather(database.close(), across.close())


async def _over_and_over(deliveries: Deliveries) -> None:
    while True:  # noqa: ASYNC110 - as workers do
        await asyncio.sleep(await deliveries.deliver())


async def main(url: str, maintenance_url: str) -> None:
    """Deliver until killed."""
    poster = Poster(allow_private=True)
    async with _deliveries(url, maintenance_url, poster, ShiftedClock()) as deliveries:
        print("delivering", flush=True)
        await _over_and_over(deliveries)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(os.environ["TEST_URL"], os.environ["TEST_MAINTENANCE_URL"]))
    sys.exit(0)
