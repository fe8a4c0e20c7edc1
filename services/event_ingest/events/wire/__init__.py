"""Events between the wire and the store.

What the suite filters or sums has a column of its own (`rules.NewEvent`); all else shares one JSON
value under the names of the contract: section, competency_area, context, properties, anonymized,
detail. No fact is kept twice.
"""

from services.event_ingest.events.wire.answers import (
    from_cursor,
    from_interval,
    from_list_events,
    from_timestamp,
    to_batch_answer,
    to_event_result,
    to_fitting_events,
    to_list_events,
    to_stored_event,
    to_verdict,
)
from services.event_ingest.events.wire.incoming import (
    from_batch,
    from_kept,
    from_request,
    to_new_event,
)

__all__ = [
    "from_batch",
    "from_cursor",
    "from_interval",
    "from_kept",
    "from_list_events",
    "from_request",
    "from_timestamp",
    "to_batch_answer",
    "to_event_result",
    "to_fitting_events",
    "to_list_events",
    "to_new_event",
    "to_stored_event",
    "to_verdict",
]
