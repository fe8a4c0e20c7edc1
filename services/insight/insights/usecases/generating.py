"""A run of the detectors, kept in one transaction.

It reads first and writes last: a transaction that has written holds back everyone who follows a
log, and looking at a large organisation takes a while.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from services.insight.detection import usecases as detection
from services.insight.detection.rules.vocabulary import Finding, InsightType, Shortfall
from services.insight.detection.usecases import Look, Seen
from services.insight.detector_settings.usecases import read_settings
from services.insight.insights import queries
from services.insight.insights.rules import life
from services.insight.insights.rules.life import ANSWERED, Generated, Insight, Sighting, Wanted
from shared.database import Database, Tenant, Transaction
from shared.identity.identity import Identity

PATIENCE_SECONDS = 3.0
"""For so long a run waits for events that are acknowledged and not folded yet."""

_LOOK_EVERY_SECONDS = 0.05
_WRITTEN_AT_ONCE = 500
_IN_HAND = 20_000
"""Findings in memory; who has more writes early."""

_NONE = UUID(int=0)


async def generate_insights(
    database: Database, caller: Identity, wanted: Wanted, seconds_left: float | None
) -> Generated:
    """A run that somebody asked for, who waits no longer than so many seconds."""
    patience = PATIENCE_SECONDS if seconds_left is None else seconds_left / 2
    return await generate(database, caller.tenant, wanted, patience=min(PATIENCE_SECONDS, patience))


async def generate(
    database: Database, tenant: Tenant, wanted: Wanted, *, patience: float = PATIENCE_SECONDS
) -> Generated:
    """Run every detector, keep what it finds and say what stands then.

    Runs of an organisation wait for each other. One that looks back behind the newest kept run is
    not kept. Waits up to `patience` seconds for roll-ups that follow; where they are still behind,
    insights that depend on them stay as they were. Raises AsOfOutOfRange.
    """
    if wanted.as_of is not None:
        life.check_as_of(wanted.as_of, datetime.now(UTC))
    complete = await _wait_until_folded(database, tenant, patience)
    turn = database.turn(tenant.org_id)  # only who is first waits for other processes
    async with turn, database.tenant_transaction(tenant) as transaction:
        run = await _begin(transaction, tenant.org_id, wanted, complete=complete)
        async for seen in detection.look(transaction.raw, run.look):
            await run.take(seen)
        return await run.end()


async def _wait_until_folded(database: Database, tenant: Tenant, patience: float) -> bool:
    """Whether features and clients count everything that was logged before."""
    until = time.monotonic() + patience
    async with database.raw_transaction(tenant) as raw:
        logged = await detection.read_logged(raw, tenant.org_id)
    while True:
        async with database.raw_transaction(tenant) as raw:
            if await detection.read_folded(raw, tenant.org_id) >= logged:
                return True
        if time.monotonic() >= until:
            return False
        await asyncio.sleep(_LOOK_EVERY_SECONDS)


async def _begin(transaction: Transaction, org_id: UUID, wanted: Wanted, *, complete: bool) -> _Run:
    """Alone from here on: what is read now no other run has overtaken when it is written."""
    await queries.lock_generation(transaction.raw, org_id)
    newest = await queries.select_newest_run(transaction.connection, org_id)
    now = datetime.now(UTC)
    as_of = wanted.as_of or max(now, newest or now)
    look = Look(
        org_id=org_id,
        subject=wanted.subject,
        as_of=as_of,
        zone=await detection.read_time_zone(transaction.raw, org_id),
        settings=await read_settings(transaction.raw, org_id),
    )
    kept = newest is None or as_of >= newest
    return _Run(transaction, wanted, look, now, kept=kept, complete=complete)


@dataclass(slots=True)
class _Run:
    """A run under way, and what it has found so far."""

    transaction: Transaction
    wanted: Wanted
    look: Look
    started_at: datetime
    kept: bool
    complete: bool
    """Else what is counted by roll-ups that follow is not judged: it would seem to have stopped."""
    run_id: UUID = field(default_factory=uuid4)
    subjects: int = 0
    found: int = 0
    in_hand: list[Finding] = field(default_factory=list)
    shortfalls: list[Shortfall] = field(default_factory=list)
    changed: list[UUID] = field(default_factory=list)
    worst: list[Insight] = field(default_factory=list)
    """Of a run that is not kept."""
    totals: Counter[InsightType] = field(default_factory=Counter)

    async def take(self, seen: Seen) -> None:
        """Add what was found of some subjects."""
        self.subjects += seen.subjects
        self.found += len(seen.findings)
        self.shortfalls += seen.shortfalls
        if not self.kept:
            self._rank(seen.findings)
            return
        self.in_hand += [one for one in seen.findings if self._judges(one)]
        if len(self.in_hand) >= _IN_HAND:
            await self._write()

    async def end(self) -> Generated:
        """Write what is left, and answer."""
        if self.kept:
            await self._write()
            await self._miss()
            await self._record()
            insights, totals = await self._read()
        else:
            insights, totals = self.worst, dict(sorted(self.totals.items()))
        return Generated(
            as_of=self.look.as_of,
            kept=self.kept,
            complete=self.complete,
            subjects=self.subjects,
            insights=insights,
            totals=totals,
            shortfalls=self.shortfalls,
        )

    @property
    def _sighting(self) -> Sighting:
        return Sighting(self.look.org_id, self.look.as_of, self.look.settings.version)

    def _judges(self, finding: Finding) -> bool:
        return self.complete or not life.follows(finding.insight_type, finding.subject)

    def _rank(self, findings: Sequence[Finding]) -> None:
        self.totals.update(finding.insight_type for finding in findings)
        found = [life.found(finding, self._sighting) for finding in findings]
        self.worst = sorted([*self.worst, *found], key=life.rank)[:ANSWERED]

    async def _write(self) -> None:
        findings, self.in_hand = self.in_hand, []
        for start in range(0, len(findings), _WRITTEN_AT_ONCE):
            await self._see(findings[start : start + _WRITTEN_AT_ONCE])

    async def _see(self, findings: Sequence[Finding]) -> None:
        org_id = self.look.org_id
        by_id = {life.insight_id(org_id, one.insight_type, one.subject): one for one in findings}
        known = await queries.select_insights_by_id(
            self.transaction.connection, org_id, list(by_id), lock=True
        )
        sighting = self._sighting
        after = {one: life.see(known.get(one), finding, sighting) for one, finding in by_id.items()}
        await queries.upsert_insights(
            self.transaction.raw, org_id, list(after.values()), self.run_id
        )
        self.changed += [one for one in after if life.changed(known.get(one), after[one])]

    async def _miss(self) -> None:
        """What stood before and was not seen: it holds no more, and expires in time."""
        org_id, last = self.look.org_id, _NONE
        run = self.run_id, self.look.as_of
        while missed := await queries.select_missed(
            self.transaction.connection,
            org_id,
            self.look.subject,
            run,
            all_of_them=self.complete,
            after=last,
            limit=_WRITTEN_AT_ONCE,
        ):
            after = [life.miss(one, self.look.as_of) for one in missed]
            await queries.upsert_insights(self.transaction.raw, org_id, after, None)
            self.changed += [
                now.insight_id
                for before, now in zip(missed, after, strict=True)
                if now.insight_id is not None and life.changed(before, now)
            ]
            last = missed[-1].insight_id or _NONE

    async def _record(self) -> None:
        connection, org_id = self.transaction.connection, self.look.org_id
        if self.changed:
            await queries.insert_change(connection, org_id, self.changed)
        await queries.insert_run(
            connection,
            org_id,
            self.look.subject,
            self.wanted.cause,
            run_id=self.run_id,
            as_of=self.look.as_of,
            started_at=self.started_at,
            finished_at=datetime.now(UTC),
            settings_version=self.look.settings.version,
            subjects=self.subjects,
            found=self.found,
            changed=len(self.changed),
        )

    async def _read(self) -> tuple[Sequence[Insight], dict[InsightType, int]]:
        connection, org_id = self.transaction.connection, self.look.org_id
        insights = await queries.select_worst(connection, org_id, self.look.subject, ANSWERED)
        return insights, await queries.select_totals(connection, org_id, self.look.subject)
