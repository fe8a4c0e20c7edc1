"""The SQL of events and of what is derived from them."""

from services.journey.journeys.queries.events import (
    delete_events,
    insert_events,
    select_events_after,
    select_events_until,
    select_hashes,
    select_stored,
)
from services.journey.journeys.queries.past import select_begin, select_past
from services.journey.journeys.queries.states import (
    delete_state,
    insert_change,
    insert_state,
    lock_states,
    select_kept,
    update_contacts,
    upsert_states,
)
from services.journey.journeys.queries.visits import (
    delete_visits,
    select_last_visits,
    select_latest_visits,
    select_times,
    select_unusual,
    select_unusual_between,
    upsert_visits,
)

__all__ = [
    "delete_events",
    "delete_state",
    "delete_visits",
    "insert_change",
    "insert_events",
    "insert_state",
    "lock_states",
    "select_begin",
    "select_events_after",
    "select_events_until",
    "select_hashes",
    "select_kept",
    "select_last_visits",
    "select_latest_visits",
    "select_past",
    "select_stored",
    "select_times",
    "select_unusual",
    "select_unusual_between",
    "update_contacts",
    "upsert_states",
    "upsert_visits",
]
