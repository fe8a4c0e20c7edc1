"""Why an action is not recorded."""

from __future__ import annotations

from shared.errors import AlreadyExists


class ActionConflict(AlreadyExists):
    """Another action with this action_id is recorded; the first one stands."""
