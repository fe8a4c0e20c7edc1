"""The outbox' way out: what is due is taken, sent and its fate written down.

A message is taken by pushing its next try ahead in a transaction of its own; it is sent outside
any; what came of it is written in a third step. Whatever dies in between, the message is due again
when its lease is over, under the same id: delivered at least once.
"""

from __future__ import annotations

import asyncio
import logging
import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from services.insight.webhooks import queries
from services.insight.webhooks.rules import signing
from services.insight.webhooks.rules.endpoints import Endpoint, Lane, Message
from services.insight.webhooks.rules.verdicts import Answer, Fate, Verdict, judge
from services.insight.webhooks.usecases.numbers import Numbers
from services.insight.webhooks.usecases.posting import Poster
from shared.clock import Clock
from shared.database import Database, RawConnection, Tenant
from shared.errors import DatabaseAway, Overloaded
from shared.schema import audit
from shared.sqlstate import domain_error

_LOG = logging.getLogger("footfall.webhooks")
_WRITER, _ROLE = "insight", "service"
_LOOK_EVERY_SECONDS = 0.5
_LEASE_SECONDS = 30.0
"""Twice the time of a try, so that nobody sends what somebody else is sending."""
_AFTER_FAILURE_SECONDS = 10.0
_GIVE_UP_AT_ONCE = 1000
_CLOSING_SECONDS = 5.0

MAX_IN_HAND = 128
MAX_OF_A_LANE = 8
_GONE = "410 Gone: the receiver wants no more"
_NOWHERE = "there is no endpoint for it any more"


class Deliveries:
    """What is being sent, by whom for whom.

    `across` is the maintenance login, which sees who has something due; `database` is insight's
    own. A lane has a few tries in hand at once, and one only after its receiver failed: one that
    hangs keeps nobody else waiting.
    """

    def __init__(
        self,
        database: Database,
        across: Database,
        clock: Clock,
        poster: Poster,
        numbers: Numbers,
        *,
        lease_seconds: float = _LEASE_SECONDS,
        closing_seconds: float = _CLOSING_SECONDS,
    ) -> None:
        self._database = database
        self._across = across
        self._clock = clock
        self._poster = poster
        self._numbers = numbers
        self._lease = timedelta(seconds=lease_seconds)
        self._closing_seconds = closing_seconds
        self._sending: set[asyncio.Task[None]] = set()
        self._in_hand: Counter[Lane] = Counter()
        self._ailing: set[Lane] = set()
        self._aside: dict[Lane, float] = {}
        """Lanes that something of ours failed for, with the time before which they wait."""
        self._due: set[Lane] = set()
        """Lanes that had more than was taken when they were looked at last."""
        self._look_at = 0.0
        self._last: Lane | None = None

    async def deliver(self) -> float:
        """Begin to send what is due; returns for how many seconds there is nothing more to do.

        What fails for one lane is logged, left for later and stops no other; only a database that
        is away is raised.
        """
        if self._clock.monotonic() >= self._look_at:
            await self._look()
        taken = 0
        for lane in self._in_turn():
            taken += await self._take(lane)
        if taken:
            return 0.0
        pause = max(0.0, self._look_at - self._clock.monotonic())
        if not self._sending:
            return pause
        await asyncio.wait(self._sending, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        return 0.0

    async def close(self) -> None:
        """Let what is in hand end, for a while; what does not is sent again by the next worker."""
        if not self._sending:
            return
        _, unfinished = await asyncio.wait(self._sending, timeout=self._closing_seconds)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

    async def _look(self) -> None:
        """Find who has something due; now and then, for it costs by the length of the queues."""
        async with self._across.across_tenants() as raw:
            self._due = set(await queries.select_due_lanes(raw, self._clock.now()))
        self._look_at = self._clock.monotonic() + _LOOK_EVERY_SECONDS

    def _in_turn(self) -> Sequence[Lane]:
        """Beginning after whoever was served last: with little room everybody gets a turn."""
        due = sorted(self._due)
        begin = bisect_right(due, self._last) if self._last is not None else 0
        return [*due[begin:], *due[:begin]]

    def _room(self, lane: Lane) -> int:
        if self._aside.get(lane, 0.0) > self._clock.monotonic():
            return 0
        most = 1 if lane in self._ailing else MAX_OF_A_LANE
        return max(0, min(most - self._in_hand[lane], MAX_IN_HAND - len(self._sending)))

    async def _take(self, lane: Lane) -> int:
        """Begin to send messages of a lane, as far as there is room; says how many."""
        if not (room := self._room(lane)):
            return 0
        try:
            endpoint, messages = await self._claim(lane, room)
        except Exception as error:
            if isinstance(domain_error(error), DatabaseAway | Overloaded):
                raise
            _LOG.exception("messages not taken", extra=_names(lane))
            self._aside[lane] = self._clock.monotonic() + _AFTER_FAILURE_SECONDS
            return 0
        self._aside.pop(lane, None)
        if len(messages) < room:
            self._due.discard(lane)
        for message in messages:
            assert endpoint is not None
            self._begin(lane, endpoint, message)
        self._last = lane
        return len(messages)

    async def _claim(self, lane: Lane, room: int) -> tuple[Endpoint | None, Sequence[Message]]:
        """Take messages for a lease; without an endpoint, give them up."""
        now = self._clock.now()
        async with self._database.raw_transaction(_tenant(lane)) as raw:
            endpoint = await queries.select_endpoint(raw, lane)
            if endpoint is None:
                await self._give_up(raw, lane, _NOWHERE)
                return None, ()
            due = await queries.lock_due(raw, lane, now, room, now + self._lease)
            await queries.update_leases(raw, lane, due)
        return endpoint, due

    def _begin(self, lane: Lane, endpoint: Endpoint, message: Message) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            self._sending.discard(task)
            self._in_hand[lane] -= 1
            if not self._in_hand[lane]:
                del self._in_hand[lane]
            self._numbers.in_hand.dec()

        self._in_hand[lane] += 1
        self._numbers.in_hand.inc()
        task = asyncio.create_task(self._send(lane, endpoint, message))
        self._sending.add(task)
        task.add_done_callback(ended)

    async def _send(self, lane: Lane, endpoint: Endpoint, message: Message) -> None:
        now, body = self._clock.now(), message.body.encode()
        headers = {
            "content-type": "application/json",
            "user-agent": "Footfall",
            **signing.headers(endpoint.secrets(now), str(message.message_id), now, body),
        }
        try:
            answer = await self._poster.post(endpoint.url, headers, body)
            await self._settle(lane, endpoint, message, answer)
        except Exception as error:  # noqa: BLE001 - it is due again when its lease is over
            away = isinstance(domain_error(error), DatabaseAway | Overloaded)
            _LOG.warning(
                "fate of a message not written down, it will be sent again",
                extra=_names(lane, message),
                exc_info=None if away else error,
            )

    async def _settle(
        self, lane: Lane, endpoint: Endpoint, message: Message, answer: Answer
    ) -> None:
        """Write down what came of a try."""
        now = self._clock.now()
        verdict = judge(answer, message.attempts + 1, now, random.random())  # noqa: S311 - jitter
        self._numbers.tried(verdict.fate)
        async with self._database.raw_transaction(_tenant(lane)) as raw:
            if verdict.fate is Fate.DELIVERED:
                await queries.update_delivered(raw, lane, message, now, answer)
                self._ailing.discard(lane)
                return
            self._ailing.add(lane)
            gone = verdict.fate is Fate.GONE
            if gone and not await queries.update_endpoint_off(raw, lane, endpoint.url, _GONE):
                gone, verdict = False, Verdict(Fate.RETRY, now, verdict.error)  # it moved meanwhile
            if await self._write_failure(raw, lane, message, answer, verdict):
                self._tell(lane, message, verdict)
            if gone:
                await self._bury(raw, lane)

    async def _write_failure(
        self, raw: RawConnection, lane: Lane, message: Message, answer: Answer, verdict: Verdict
    ) -> bool:
        return await queries.update_failed(
            raw,
            lane,
            message,
            answer,
            verdict.error,
            next_attempt_at=verdict.next_attempt_at,
            finished_at=None if verdict.next_attempt_at else self._clock.now(),
        )

    def _tell(self, lane: Lane, message: Message, verdict: Verdict) -> None:
        if verdict.next_attempt_at is None:
            self._numbers.given_up.inc()
            extra = {**_names(lane, message), "tries": message.attempts + 1, "why": verdict.error}
            _LOG.error("webhook message given up", extra=extra)

    async def _bury(self, raw: RawConnection, lane: Lane) -> None:
        """The receiver is gone: nothing is sent there until somebody sets the endpoint anew."""
        await audit.append(
            raw,
            lane.org_id,
            actor=_WRITER,
            actor_role=_ROLE,
            action="webhook.disable",
            target=lane.topic,
            details={"reason": _GONE},
        )
        _LOG.error("webhook endpoint switched off", extra={**_names(lane), "why": _GONE})
        await self._give_up(raw, lane, _GONE)

    async def _give_up(self, raw: RawConnection, lane: Lane, why: str) -> None:
        """Messages of a lane that leads nowhere, so many at a time."""
        pending = await queries.lock_pending(raw, lane, _GIVE_UP_AT_ONCE)
        if pending:
            await queries.update_given_up(raw, lane, pending, self._clock.now(), why)
            self._numbers.given_up.inc(len(pending))
            extra = {**_names(lane), "messages": len(pending), "why": why}
            _LOG.error("webhook messages given up", extra=extra)


def _tenant(lane: Lane) -> Tenant:
    return Tenant(lane.org_id, _ROLE, _WRITER)


def _names(lane: Lane, message: Message | None = None) -> dict[str, str]:
    own = {} if message is None else {"message_id": str(message.message_id)}
    return {"org": str(lane.org_id), "topic": lane.topic, **own}
