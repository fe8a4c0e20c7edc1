"""The SQL of events and of what is derived from them."""

from services.journey.journeys.queries.events import select_events_after
from services.journey.journeys.queries.states import (
    insert_change,
    lock_states,
    select_kept,
    select_standings,
    update_contacts,
    update_states,
)
from services.journey.journeys.queries.visits import (
    delete_visits,
    end_visits,
    insert_visits,
)

__all__ = [
    "delete_visits",
    "end_visits",
    "insert_change",
    "insert_visits",
    "lock_states",
    "select_events_after",
    "select_kept",
    "select_standings",
    "update_contacts",
    "update_states",
]
