"""The call for a client of whom journey has no signals yet: short, shared and never in the way."""

from __future__ import annotations

import asyncio
import logging
import time
from contextvars import copy_context
from dataclasses import replace
from datetime import datetime

from services.journey.insight import Asking
from services.journey.journeys.rules.vocabulary import Signals
from services.journey.parts import Parts
from services.journey.signals.errors import InsightAway, InsightFails, InsightLate, InsightRefuses
from services.journey.signals.rules.answers import Answers, Key, waiting_seconds
from services.journey.signals.rules.breaker import Breakers, End, Tickets, Turn
from services.journey.signals.usecases.numbers import Questions
from shared.identity.identity import Identity
from shared.rpc.call import current_call

_LOG = logging.getLogger("footfall.signals")


class Signalling:
    """Asks within the budget and behind breakers; one for the process, whose callers share it."""

    def __init__(self, parts: Parts) -> None:
        self._insight = Asking(parts.insight)
        self._budget = parts.insight_budget_seconds
        self._breakers = Breakers()
        self._answers = Answers()
        self._asked: dict[Key, asyncio.Task[Signals | None]] = {}
        self._numbers = Questions(parts.registry)

    async def ask(self, caller: Identity, client_id: str, now: datetime) -> Signals | None:
        """What insight knows of the client; None when it does not say so in time. Never raises.

        Who asks for the same client at once shares one call. It is nobody's in particular: a
        caller that has less time, or goes away, takes nothing from the others.
        """
        key = caller.org_id, client_id
        if (known := self._answers.get(key, time.monotonic())) is not None:
            return known
        asked = self._asked.get(key) or self._begin(key, caller.actor, now)
        if asked is None:
            return None
        call = current_call.get()
        seconds = waiting_seconds(self._budget, None if call is None else call.remaining())
        done, _ = await asyncio.wait((asked,), timeout=seconds)
        return asked.result() if done and not asked.cancelled() else None

    def _begin(self, key: Key, act: str, now: datetime) -> asyncio.Task[Signals | None] | None:
        tickets = self._breakers.admit(key[0], time.monotonic())
        if tickets is None:
            self._numbers.asked.labels("spared").inc()
            return None
        context = copy_context()
        if (call := current_call.get()) is not None:  # its ids go along, its deadline does not
            context.run(current_call.set, replace(call, deadline=None))
        asked = asyncio.create_task(self._ask(tickets, key, act, now), context=context)
        self._asked[key] = asked
        asked.add_done_callback(lambda _: self._asked.pop(key))
        return asked

    async def _ask(self, tickets: Tickets, key: Key, act: str, now: datetime) -> Signals | None:
        signals, end, trouble = None, End.LATE, "stopped"
        try:
            signals = await self._insight.about_one(*key, act=act, now=now, seconds=self._budget)
            end = End.WELL
        except InsightRefuses:
            end = End.WELL
        except InsightFails as error:
            end, trouble = _end_of(error), str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer does without
            end, trouble = End.WRONG, type(error).__name__
        finally:
            self._record(tickets, end, trouble)
        if signals is not None:
            self._answers.put(key, signals, time.monotonic())
        return signals

    def _record(self, tickets: Tickets, end: End, trouble: str) -> None:
        now = time.monotonic()
        turns = self._breakers.record(tickets, now, end)
        self._numbers.asked.labels("answered" if end is End.WELL else "failed").inc()
        self._numbers.away.set(self._breakers.away(now))
        _tell(turns.shared, {"because": trouble})
        _tell(turns.own, {"because": trouble, "org": str(tickets.org_id)})


def _end_of(error: InsightFails) -> End:
    match error:
        case InsightAway():
            return End.AWAY
        case InsightLate():
            return End.LATE
        case _:
            return End.WRONG


def _tell(turn: Turn | None, because: dict[str, str]) -> None:
    if turn is Turn.OPENED:
        _LOG.warning("insight fails: answers do without its signals", extra=because)
    elif turn is Turn.CLOSED:
        _LOG.info("insight answers again")
