"""One round of upkeep after the other, in transactions small enough to be in nobody's way."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from services.event_ingest.upkeep import queries, rules
from services.event_ingest.upkeep.queries import Table
from services.event_ingest.upkeep.rules import Organisation, Partition, Sweep
from shared.clock import Clock
from shared.database import Database, RawConnection
from shared.errors import DatabaseAway, Overloaded
from shared.sqlstate import domain_error

_LOG = logging.getLogger("footfall.upkeep")
_BATCH = 2_000
_LOOKED_AT = 5
"""Times as many events are looked at as are deleted of other rows: most of them may be kept."""

_MARGIN = timedelta(hours=1)
"""Late writers may still store what is almost too old."""

_FORGET_AFTER = timedelta(hours=24)
"""Then events are looked through from the oldest again: a late one of a type that is kept for a
shorter time than its organisation keeps may lie before what was swept."""


class AnotherIsAtIt(Exception):
    """Another worker does the upkeep now."""


class Upkeep:
    """Remembers how far it has swept, so that a round costs what expired since the last."""

    def __init__(self, database: Database, clock: Clock, *, batch: int = _BATCH) -> None:
        """`database` is that of the maintenance login."""
        self._database = database
        self._clock = clock
        self._batch = batch
        self._swept: dict[tuple[object, ...], datetime] = {}
        self._forget_at = clock.now()
        self._deleted: Counter[str] = Counter()

    async def keep_up(self) -> None:
        """One round: room ahead, then everything that expired.

        What fails for a lock or for one organisation is logged, left to the next round and stops
        nothing else; only a database that is away is raised.
        """
        now = self._clock.now()
        if now >= self._forget_at:
            self._swept.clear()
            self._forget_at = now + _FORGET_AFTER
        self._deleted.clear()
        try:
            await self._round(now)
        except AnotherIsAtIt:
            return
        finally:
            if deleted := {table: count for table, count in self._deleted.items() if count}:
                _LOG.info("expired", extra={"deleted": deleted})

    async def _round(self, now: datetime) -> None:
        async with self._turn() as raw:
            organisations = await queries.select_organisations(raw)
            partitions = await queries.select_partitions(raw)
            self._deleted["revoked_tokens"] += await queries.delete_revoked_tokens(raw, now)
        for since, until in rules.missing_months(partitions, now):
            await self._alone("partition not made", self._make_room(since, until))
        if (days := rules.longest(organisations)) is not None:
            oldest = rules.before(now, days)
            for partition in partitions:
                if partition.used and partition.until <= oldest:
                    await self._alone("partition kept", self._empty(partition, oldest, now))
        for organisation in organisations:
            await self._alone(
                "not swept", self._sweep(organisation, now), org=str(organisation.org_id)
            )

    async def _make_room(self, since: datetime, until: datetime) -> None:
        async with self._turn() as raw:
            await queries.create_partition(raw, since, until)

    async def _empty(self, partition: Partition, oldest: datetime, now: datetime) -> None:
        """Free the space of a partition of which nobody keeps anything."""
        async with self._turn() as raw:
            if not await queries.select_is_kept(raw, partition, oldest=oldest, now=now):
                await queries.truncate_partition(raw, partition)
                self._deleted["partitions"] += 1

    async def _sweep(self, organisation: Organisation, now: datetime) -> None:
        """Delete a batch of each kind of expired data, until nothing is left."""
        done = False
        while not done:
            async with self._turn() as raw:
                batch = await self._delete_batch(raw, organisation, now)
            # Only now, that it is committed.
            self._deleted.update(batch.deleted)
            self._swept |= batch.swept
            done = batch.done

    async def _delete_batch(
        self, raw: RawConnection, organisation: Organisation, now: datetime
    ) -> _Batch:
        batch = _Batch()
        own_days = await queries.select_own_days(raw, organisation.org_id)
        for sweep in rules.sweeps(organisation, own_days, now):
            place = (organisation.org_id, *sweep.rule)
            after = self._swept.get(place, rules.BEFORE_ALL)
            deleted, until = await queries.delete_events(
                raw, organisation.org_id, sweep, after=after, limit=self._batch * _LOOKED_AT
            )
            batch.deleted["events"] += deleted
            batch.done = batch.done and until >= sweep.before
            batch.swept[place] = _next_after(until, sweep)
        for table, before in _due(organisation, now):
            deleted = await queries.delete_expired(
                raw, table, organisation, before, limit=self._batch
            )
            batch.deleted[table] += deleted
            batch.done = batch.done and deleted < self._batch
        return batch

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[RawConnection]:
        """A transaction in which no other worker does upkeep."""
        async with self._database.across_tenants() as raw:
            if not await queries.lock_upkeep(raw):
                raise AnotherIsAtIt
            yield raw

    async def _alone(self, failure: str, work: Awaitable[None], **about: str) -> None:
        """Do something that may fail without harm to the rest."""
        try:
            await work
        except AnotherIsAtIt:
            raise
        except Exception as error:
            if isinstance(domain_error(error), DatabaseAway | Overloaded):
                raise
            _LOG.warning(failure, extra=about, exc_info=True)


@dataclass(slots=True)
class _Batch:
    """What one transaction deleted of one organisation, and how far it came."""

    deleted: Counter[str] = field(default_factory=Counter)
    swept: dict[tuple[object, ...], datetime] = field(default_factory=dict)
    done: bool = True


def _next_after(until: datetime, sweep: Sweep) -> datetime:
    """Where a sweep goes on that has come so far, in this round or the next."""
    if until < sweep.before:
        return until
    # Late ones that say their own days are found by their index, wherever they lie.
    return until - _MARGIN if sweep.own_days is None else rules.BEFORE_ALL


def _due(
    organisation: Organisation, now: datetime
) -> Iterator[tuple[Table, datetime | date | UUID]]:
    """Beside events: each table with the time, day or id before which its rows go."""
    if (oldest := organisation.oldest(now)) is not None:
        yield "user_day", oldest  # the day in which it falls is not over
        yield "feature_day", oldest
        yield "client_day", oldest
        yield "client_revenue_day", oldest
        yield "sessions", oldest
    yield "event_log", now - rules.LOG_KEPT
    yield "rejected_events", rules.first_id(now - rules.REJECTED_KEPT)
    yield "rejected_days", (now - rules.REJECTED_KEPT).date()
    yield "request_answers", now - rules.ANSWERS_KEPT
    yield "insight_changes", now - rules.LOG_KEPT
    yield "journey_changes", now - rules.LOG_KEPT
    yield "insight_runs", now - rules.RUNS_KEPT
    yield "feed_deliveries", now - rules.DELIVERIES_KEPT
    yield "outbox", now - rules.MESSAGES_KEPT
