"""Bulk: many events at full speed, past the queue, with the verdicts of each batch handed back."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from footfall.events.v1.event_pb2 import Event
from footfall_client.ids import new_event_id
from footfall_client.options import SERVER_BATCH_EVENTS, Options
from footfall_client.outbox import Outcome
from footfall_client.retry import Failure
from footfall_client.verdicts import BatchResult, DropCode, Dropped, DropReason
from footfall_client.wire import framed


@dataclass(slots=True, eq=False)
class UploadBatch:
    """Events on their way together."""

    events: list[Event] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    too_large: list[Dropped] = field(default_factory=list)
    size: int = 0
    attempts: int = 1

    def __len__(self) -> int:
        return len(self.events) + len(self.too_large)

    def request(self) -> bytes:
        return framed(self.payloads)

    def result(self, outcome: Outcome) -> BatchResult:
        """What became of every event in it."""
        if not isinstance(outcome, Failure) and len(outcome) == len(self.events):
            return BatchResult(self.events, outcome, self.too_large, self.attempts)
        detail = str(outcome) if isinstance(outcome, Failure) else "not one result per event"
        return self.dropped(DropReason(DropCode.CALL_FAILED, detail))

    def dropped(self, reason: DropReason) -> BatchResult:
        """No event in it has a verdict."""
        given_up = [Dropped(event, reason) for event in self.events]
        return BatchResult([], [], [*self.too_large, *given_up], self.attempts)


class Cutter:
    """Cuts a stream of events into batches that the server takes."""

    def __init__(self, options: Options, batch_size: int) -> None:
        if not 0 < batch_size <= SERVER_BATCH_EVENTS:
            raise ValueError(f"batch_size: from 1 to {SERVER_BATCH_EVENTS}")
        self._options = options
        self._batch_size = batch_size
        self._batch = UploadBatch()

    def batches(self, events: Iterable[Event]) -> Iterator[UploadBatch]:
        """All of them. Events without an id get one, in place, so that a retry is recognised."""
        for event in events:
            if (full := self.add(event)) is not None:
                yield full
        if (rest := self.rest()) is not None:
            yield rest

    def add(self, event: Event) -> UploadBatch | None:
        """Take an event; returns the batch that it filled or did not fit into any more."""
        payload = completed(event)
        if len(payload) > self._options.max_event_bytes:
            reason = DropReason(DropCode.EVENT_TOO_LARGE, f"{len(payload)} bytes")
            self._batch.too_large.append(Dropped(event, reason))
            return self.rest() if len(self._batch) >= self._batch_size else None
        fits = self._batch.size + len(payload) <= self._options.max_batch_bytes
        full = None if fits else self.rest()
        self._batch.events.append(event)
        self._batch.payloads.append(payload)
        self._batch.size += len(payload)
        if full is None and len(self._batch) >= self._batch_size:
            return self.rest()
        return full

    def rest(self) -> UploadBatch | None:
        """What is left."""
        batch, self._batch = self._batch, UploadBatch()
        return batch if len(batch) else None


def completed(event: Event) -> bytes:
    """The bytes of the event, after giving it an id of its time if it has none."""
    if not event.event_id:
        event.event_id = _id_for(event)
    return event.SerializeToString()


def _id_for(event: Event) -> str:
    try:
        if event.HasField("occurred_at"):
            return new_event_id(event.occurred_at.ToNanoseconds())
    except ValueError:
        pass  # an impossible time: the server will say so
    return new_event_id(time.time_ns())
