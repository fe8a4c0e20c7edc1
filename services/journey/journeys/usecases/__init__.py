"""What happens to clients, and where it leaves them.

States are locked before anything of a client is changed, in the order of client_id; with a state
goes all else of it.
"""

from services.journey.journeys.usecases.living import forget, hold, start
from services.journey.journeys.usecases.reading import (
    calculate_journey_score,
    get_client_journey,
    read_known_as_of,
    read_standpoint,
    read_standpoint_as_of,
)
from services.journey.journeys.usecases.restating import restate, restate_held
from services.journey.journeys.usecases.tracking import (
    store_ingested,
    track_journey_event,
    track_journey_events,
)

__all__ = [
    "calculate_journey_score",
    "forget",
    "get_client_journey",
    "hold",
    "read_known_as_of",
    "read_standpoint",
    "read_standpoint_as_of",
    "restate",
    "restate_held",
    "start",
    "store_ingested",
    "track_journey_event",
    "track_journey_events",
]
