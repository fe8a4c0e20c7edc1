"""The shared Postgres schema: one module per area that writes, one folder of migrations.

A table is written by exactly one area, and the module that holds it says which. Others may read it.
Row-level security (`tenancy.py`) walls organisations off from each other in every table.
"""

from shared.schema import audit, events, insights, journey, organisations, outbox, prices, pricing
from shared.schema.metadata import metadata

__all__ = [
    "audit",
    "events",
    "insights",
    "journey",
    "metadata",
    "organisations",
    "outbox",
    "prices",
    "pricing",
]
