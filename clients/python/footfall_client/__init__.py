"""Send events to Footfall: bounded, retried, accounted for, and never lost in silence."""

from footfall.events.v1.event_ingest_pb2 import EventResult
from footfall.events.v1.event_pb2 import (
    Automation,
    Event,
    EventContext,
    ModelRequest,
    Operation,
    Revenue,
    Touchpoint,
)
from footfall_client.accounts import Counts
from footfall_client.aio import AsyncClient
from footfall_client.base import Clock
from footfall_client.client import Client
from footfall_client.connection import TLS
from footfall_client.errors import EventDropped, FootfallClientError, NotDelivered
from footfall_client.ids import derived_event_id, new_event_id
from footfall_client.options import Options, SpoolOptions, Sync
from footfall_client.tracking import Bound, Tracking
from footfall_client.verdicts import BatchResult, DropCode, Dropped, DropReason, Rejected

__all__ = [
    "TLS",
    "AsyncClient",
    "Automation",
    "BatchResult",
    "Bound",
    "Client",
    "Clock",
    "Counts",
    "DropCode",
    "DropReason",
    "Dropped",
    "Event",
    "EventContext",
    "EventDropped",
    "EventResult",
    "FootfallClientError",
    "ModelRequest",
    "NotDelivered",
    "Operation",
    "Options",
    "Rejected",
    "Revenue",
    "SpoolOptions",
    "Sync",
    "Touchpoint",
    "Tracking",
    "derived_event_id",
    "new_event_id",
]
