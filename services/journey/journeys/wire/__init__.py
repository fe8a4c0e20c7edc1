"""Events and journeys between the wire and values."""

from services.journey.journeys.wire.answers import (
    from_get_client_journey,
    to_action,
    to_calculate_journey_score,
    to_get_client_journey,
    to_score,
    to_stage,
    to_track_journey_event,
    to_track_journey_events,
)
from services.journey.journeys.wire.incoming import from_batch, from_event
from services.journey.journeys.wire.moments import (
    from_as_of,
    from_datetime,
    from_timestamp,
    to_timestamp,
)

__all__ = [
    "from_as_of",
    "from_batch",
    "from_datetime",
    "from_event",
    "from_get_client_journey",
    "from_timestamp",
    "to_action",
    "to_calculate_journey_score",
    "to_get_client_journey",
    "to_score",
    "to_stage",
    "to_timestamp",
    "to_track_journey_event",
    "to_track_journey_events",
]
