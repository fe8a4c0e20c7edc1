"""The SQL of settings."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import orjson

from services.journey.catalogue.rules.editions import Edition
from services.journey.catalogue.rules.stored import to_json
from shared.database import RawConnection, Row

_SELECT_NEWEST = """
SELECT version, settings, changed_by, changed_at FROM app.journey_settings
WHERE org_id = %s ORDER BY version DESC LIMIT 1
"""
_SELECT_NEWEST_AT = """
SELECT version, settings, changed_by, changed_at FROM app.journey_settings
WHERE org_id = %s AND changed_at <= %s::timestamptz ORDER BY changed_at DESC, version DESC LIMIT 1
"""
_SELECT_VERSION = """
SELECT version, settings, changed_by, changed_at FROM app.journey_settings
WHERE org_id = %s AND version = %s
"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('journey_settings:' || %s::text, 0))"
_INSERT = """
INSERT INTO app.journey_settings (org_id, version, settings, changed_by, changed_at)
VALUES (%s::uuid, %s::integer, %s::jsonb, %s::text, %s::timestamptz)
"""


async def select_newest(raw: RawConnection, org_id: UUID) -> Edition | None:
    """The current version; None while the defaults hold."""
    return _edition(await (await raw.execute(_SELECT_NEWEST, (org_id,))).fetchone())


async def select_newest_at(raw: RawConnection, org_id: UUID, as_of: datetime) -> Edition | None:
    """The version that was current then; None while the defaults held."""
    return _edition(await (await raw.execute(_SELECT_NEWEST_AT, (org_id, as_of))).fetchone())


async def select_version(raw: RawConnection, org_id: UUID, version: int) -> Edition | None:
    """One version."""
    return _edition(await (await raw.execute(_SELECT_VERSION, (org_id, version))).fetchone())


async def lock_settings(raw: RawConnection, org_id: UUID) -> None:
    """One change at a time, until the transaction ends."""
    await raw.execute(_LOCK, (org_id,))


async def insert_version(raw: RawConnection, org_id: UUID, edition: Edition) -> None:
    """Store the next version, while the settings are locked."""
    kept = orjson.dumps(to_json(edition.settings)).decode()
    changed = (edition.changed_by, edition.changed_at)
    await raw.execute(_INSERT, (org_id, edition.version, kept, *changed))


def _edition(row: Row | None) -> Edition | None:
    return None if row is None else Edition.of(*row)
