"""VerifyAuditLog."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import groupby

from services.pricing.audit import queries
from services.pricing.audit.rules import LEAST, MOST, Verdict, notice
from shared.anchors import AnchorsUnreadable, Readable, Written
from shared.audit_chain import Anchor, Compared, Reached, Stored, close, follow, judged
from shared.database import Database, RawConnection, Tenant

Report = Callable[[int, int], None]
"""Told how many entries were checked, and how many there are by the log's own account."""


async def verify_audit_log(
    database: Database, tenant: Tenant, store: Readable, report: Report | None = None
) -> Verdict:
    """Follow the log from its first entry to its head, as it stands at one moment.

    What was written down outside is read first: all of it is in the log by then, or never was.
    """
    written, unreadable = Written(), ""
    try:
        written = await asyncio.to_thread(store.of, tenant.org_id)
    except AnchorsUnreadable as error:
        unreadable = str(error)
    walk = _Walk(str(tenant.org_id), written.anchors)
    async with database.turn(tenant.org_id), database.snapshot(tenant) as raw:
        head = await queries.select_head(raw, tenant.org_id)
        length = head[0] if head else 0
        await walk.go(raw, tenant, lambda checked: report and report(checked, length))
    walk.end(head)
    return walk.verdict(unreadable, written.damaged)


class _Walk:
    """Along one log, piece by piece: while one is checked the next one is on its way."""

    def __init__(self, org_id: str, anchors: Sequence[Anchor]) -> None:
        self._org_id = org_id
        by_sequence = groupby(anchors, key=lambda anchor: anchor.sequence)
        self._anchors = {sequence: list(same) for sequence, same in by_sequence}
        self._ahead = iter(sorted(self._anchors))
        self._next = next(self._ahead, None)
        self._reached = Reached()
        self._compared = Compared()

    async def go(self, raw: RawConnection, tenant: Tenant, report: Callable[[int], object]) -> None:
        """To the last entry, or to the first that does not fit."""
        entries = await queries.select_next(raw, tenant.org_id, LEAST)
        while entries and self._reached.broken is None:
            first = min(entries[-1][0] + 1, MOST)
            ahead = asyncio.ensure_future(queries.select_next(raw, tenant.org_id, first))
            try:
                await asyncio.to_thread(self._check, entries)
            except BaseException:
                ahead.cancel()
                await asyncio.wait((ahead,))
                raise
            entries = await ahead
            report(self._reached.sequence)

    def end(self, head: tuple[int, bytes] | None) -> None:
        """Compare the end that was reached, with its row and with what is written down beyond."""
        self._reached = close(self._reached, head)
        if self._reached.broken is None and self._next is not None:
            self._compared = self._compared.next(self._anchors[self._next], None)

    def verdict(self, unreadable: str, damaged: int) -> Verdict:
        reached, found = self._reached, self._compared.found
        broken = judged(reached, self._compared)
        anchored = found.sequence if found else 0
        return Verdict(
            entries=min(reached.sequence, broken.sequence - 1) if broken else reached.sequence,
            head_hash=reached.entry_hash,
            first_bad_entry=broken.sequence if broken else 0,
            problem=broken.problem if broken else "",
            anchored_entries=anchored,
            anchored_at=found.at if found else None,
            notice=notice(reached.sequence, anchored, unreadable, damaged),
        )

    def _check(self, entries: Sequence[Stored]) -> None:
        before = self._reached.sequence
        self._reached = follow(self._org_id, self._reached, entries)
        while self._next is not None and self._next <= self._reached.sequence:
            if self._next > 0:
                own = entries[self._next - before - 1][-1]
                self._compared = self._compared.next(self._anchors[self._next], own)
            self._next = next(self._ahead, None)
