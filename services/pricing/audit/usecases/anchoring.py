"""Writing down where logs end, outside the database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from uuid import UUID

from services.pricing.audit import queries
from shared.anchors import AnchorStore
from shared.audit_chain import Anchor
from shared.clock import Clock
from shared.database import Database
from shared.working import Step

_LOG = logging.getLogger("footfall.audit")


class Anchoring:
    """Ends that moved since they were last written down, by whichever worker."""

    def __init__(
        self, across: Database, store: AnchorStore, clock: Clock, *, every_seconds: float
    ) -> None:
        self._across = across
        self._store = store
        self._clock = clock
        self._every_seconds = every_seconds

    @property
    def steps(self) -> Sequence[Step]:
        """What is done over and over."""
        return (self.anchor,)

    async def anchor(self) -> float:
        """Write down all that moved; says for how long that is enough."""
        known = await asyncio.to_thread(self._store.latest)
        async with self._across.across_tenants() as raw:
            heads = await queries.select_heads(raw)
            moved = [head for head in heads if _moved(head, known.get(head[0]))]
            places = [(org_id, known[org_id].sequence) for org_id, *_ in moved if org_id in known]
            hashes = await queries.select_hashes(raw, places)
        _tell_of_lost_ends(known, hashes, places)
        now = self._clock.now()
        ends = [Anchor(org_id, sequence, digest, now) for org_id, sequence, digest in moved]
        await asyncio.to_thread(self._store.append, ends)
        return self._every_seconds


def _moved(head: tuple[UUID, int, bytes], known: Anchor | None) -> bool:
    return known is None or (known.sequence, known.entry_hash) != head[1:]


def _tell_of_lost_ends(
    known: Mapping[UUID, Anchor], hashes: Mapping[UUID, bytes], places: Sequence[tuple[UUID, int]]
) -> None:
    """At once, so that nobody has to ask: an end that was written down is not in its log now."""
    for org_id, sequence in places:
        if hashes.get(org_id) != known[org_id].entry_hash:
            _LOG.error(
                "an audit log lost what was written down of it: footfall audit verify",
                extra={"org_id": str(org_id), "sequence": sequence},
            )
