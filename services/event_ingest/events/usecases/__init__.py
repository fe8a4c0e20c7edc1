"""What can be done with events, one function per RPC."""

from services.event_ingest.events.usecases.ingest import (
    Ingestion,
    ingest_event,
    ingest_events,
    replay_rejected_events,
    stream_events,
    verdict_counters,
)
from services.event_ingest.events.usecases.lists import for_caller, list_events

__all__ = [
    "Ingestion",
    "for_caller",
    "ingest_event",
    "ingest_events",
    "list_events",
    "replay_rejected_events",
    "stream_events",
    "verdict_counters",
]
