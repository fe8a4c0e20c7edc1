"""P8: seven days against the seven before, with ten million raw events against one million.

It is the look at an organisation that every run of the detectors begins with, asked of the database
by insight's own login and statements. The same users did the same things in the same hours, ten
times as often, and what is answered is compared with a count of the raw events.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from bench import ground, history
from bench.claim import Claim, Effort, Finding, WrongCount
from bench.ground import Base
from bench.history import History
from bench.pairs import interleaved
from services.insight.detection.queries import select_organisation
from services.insight.detection.rules import windows
from services.insight.detection.rules.vocabulary import Snapshot, Windows
from shared.database import Database, Tenant

_ANSWERS = 50
_RAW = """SELECT count(*) FILTER (WHERE occurred_at >= %s), count(*) FILTER (WHERE occurred_at < %s)
  FROM app.events WHERE occurred_at >= %s AND occurred_at < %s"""


async def measure(effort: Effort) -> AsyncIterator[Finding]:
    told = History(users=250, days=100, acts=40) if effort.full else History(250, 40, 10)
    times = (effort.rows or 10 * told.events) // told.events
    async with ground.prepared() as prepared, AsyncExitStack() as stack:
        sides = []
        for often in (times, 1):
            base = await stack.enter_async_context(prepared.base())
            rows = await history.tell(base, told, often)
            database = Database(base.urls["footfall_insight"], application_name="bench", size=1)
            await database.open()
            stack.push_async_callback(database.close)
            sides.append(_Side(base, database, rows))
        many, few = sides
        ratio = await interleaved(many.seconds, few.seconds)
        counts = [await side.checked() for side in sides]
        yield Finding(
            f"7 days against 7, {many.rows:,} raw events / {few.rows:,}",
            ratio.times(1000), "ms/answer", 1.2, 1.05, f"{' and '.join(counts)}, as counted raw",
            lower_is_better=True,
        )  # fmt: skip


class _Side:
    """A database that is asked."""

    def __init__(self, base: Base, database: Database, rows: int) -> None:
        self._base = base
        self._database = database
        self.rows = rows

    async def seconds(self) -> float:
        """How long an answer takes."""
        began = time.perf_counter()
        for _ in range(_ANSWERS):
            await self._ask(windows.hourly(datetime.now(UTC), "UTC"))
        return (time.perf_counter() - began) / _ANSWERS

    async def checked(self) -> str:
        """That the answer is that of the raw events; raises when it is not."""
        asked = windows.hourly(datetime.now(UTC), "UTC")
        answer = await self._ask(asked)
        middle, since = asked.recent.start, asked.previous.start
        raw = self._base.execute(_RAW, middle, middle, since, asked.month.end)[0]
        if (answer.recent, answer.previous) != raw:
            raise WrongCount(f"{answer.recent} against {answer.previous} was answered, {raw} is so")
        return f"{answer.recent:,} against {answer.previous:,}"

    async def _ask(self, asked: Windows) -> Snapshot:
        tenant = Tenant(self._base.org_id, "service")
        async with self._database.raw_transaction(tenant) as raw:
            return await select_organisation(raw, self._base.org_id, asked)


CLAIM = Claim("p8", "Seven days against seven, with many raw events against few", measure)
