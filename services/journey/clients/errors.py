"""Why a client is not kept or deleted."""

from __future__ import annotations

from shared.errors import StaleEtag


class ClientStale(StaleEtag):
    """The client changed or was deleted since it was read: read it again, merge, retry."""
