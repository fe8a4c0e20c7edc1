"""Why there is no profile."""

from __future__ import annotations

from shared.errors import NotFound


class ProfileNotFound(NotFound):
    """Nothing is known of this user up to then."""
