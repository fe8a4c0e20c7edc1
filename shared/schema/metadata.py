"""The one `MetaData`, and the column shapes that every table shares."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import Column, DateTime, MetaData, Uuid

SCHEMA = "app"

metadata = MetaData(schema=SCHEMA)


def org_id() -> Column[uuid.UUID]:
    """The tenant, first in every key."""
    return Column("org_id", Uuid, primary_key=True)


def moment(name: str, *, nullable: bool = False, primary_key: bool = False) -> Column[datetime]:
    """An instant, kept in UTC to the microsecond."""
    return Column(
        name,
        DateTime(timezone=True),
        nullable=nullable and not primary_key,
        primary_key=primary_key,
    )
