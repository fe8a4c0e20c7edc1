"""Batches on their way through lanes, and a database that can be watched and shut."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from services.event_ingest.event_types.rules import BUILT_IN
from services.event_ingest.events import wire
from services.event_ingest.events.rules import NewEvent, Outcome, Units, Verdict
from services.event_ingest.events.rules import Organisation as Known
from services.event_ingest.lanes import Lanes
from services.event_ingest.store import Group, Stored
from shared.database import Database, Row, Statement, Tenant
from tests.ingesting import event
from tests.organisations import Organisation
from tests.storing import NAMES

UNITS = Units("UTC", "USD")


UNWANTED = "mallory"


ACCEPTED, DUPLICATE, CONFLICT = Verdict.ACCEPTED, Verdict.DUPLICATE, Verdict.CONFLICT


def admitted(organisation: Organisation, *users: str, event_id: str = "") -> list[NewEvent]:
    known = Known(
        organisation.org_id, "UTC", "USD", None, keep_ip=False, types=BUILT_IN, type_names=NAMES
    )
    now_us = time.time_ns() // 1000
    return [
        wire.to_new_event(event(user_id=user, event_id=event_id), known, now_us, None)
        for user in users
    ]


def tenant_of(organisation: Organisation) -> Tenant:
    return Tenant(organisation.org_id, "ingest")


def grouped(organisation: Organisation, *batches: Sequence[NewEvent]) -> list[Group]:
    return [Group(tenant_of(organisation), UNITS, batch) for batch in batches]


def told(outcomes: list[Stored] | BaseException) -> object:
    if isinstance(outcomes, BaseException):
        return type(outcomes)
    return [one.verdict if isinstance(one, Outcome) else type(one) for one in outcomes]


def counted(organisation: Organisation) -> tuple[int, int, int]:
    """Events as they are, as the hours count them and as the days of users do."""
    tables = ("count(*) FROM app.events", "sum(events) FROM app.event_hourly")
    of_days = "sum(events) FROM app.user_day"
    numbers = [
        int(
            organisation.database.execute(f"SELECT {one} WHERE org_id = %s", organisation.org_id)[
                0
            ][0]
            or 0
        )
        for one in (*tables, of_days)
    ]
    return numbers[0], numbers[1], numbers[2]


class Watched:
    """A database that tells what travels together, and lets it pass when it is told to."""

    def __init__(self, writer: Database, *, shut: bool = False) -> None:
        self._writer = writer
        self.seen: list[Sequence[Statement]] = []
        self.fault: Callable[[Sequence[Statement]], Exception | None] = lambda _: None
        self.open = asyncio.Event()
        if not shut:
            self.open.set()
        self.database = Database("postgresql://nowhere", application_name="never opened")
        self.database.in_one_round_trip = self._pass  # type: ignore[method-assign]
        self.database.raw_transaction = writer.raw_transaction  # type: ignore[method-assign]

    async def _pass(self, statements: Sequence[Statement]) -> list[Row | None]:
        self.seen.append(statements)
        await self.open.wait()
        if (fault := self.fault(statements)) is not None:
            raise fault
        return await self._writer.in_one_round_trip(statements)

    @property
    def sizes(self) -> list[object]:
        """How many events each transaction stored."""
        return [one.parameters["rows"] for (one,) in self.seen]  # type: ignore[call-overload]


async def turns() -> None:
    """As many turns of the loop as it takes to get to a transaction, or to leave one."""
    for _ in range(10):
        await asyncio.sleep(0)


async def queued(
    store: Lanes, organisation: Organisation, batches: Sequence[Sequence[NewEvent]]
) -> list[asyncio.Task[list[Stored]]]:
    """Batches that have reached their lane, in order."""
    tenant = tenant_of(organisation)
    tasks = [asyncio.create_task(store.store(tenant, UNITS, batch)) for batch in batches]
    await turns()
    return tasks
