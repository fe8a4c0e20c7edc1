"""The SQL of thresholds."""

from __future__ import annotations

from uuid import UUID

import orjson

from services.insight.detector_settings.rules import Edition
from shared.database import RawConnection, Row

_SELECT_NEWEST = """
SELECT version, settings, changed_by, changed_at FROM app.detector_settings
WHERE org_id = %s ORDER BY version DESC LIMIT 1
"""
_SELECT_VERSION = """
SELECT version, settings, changed_by, changed_at FROM app.detector_settings
WHERE org_id = %s AND version = %s
"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('detector_settings:' || %s::text, 0))"
_INSERT = """
INSERT INTO app.detector_settings (org_id, version, settings, changed_by, changed_at)
VALUES (%s::uuid, %s::integer, %s::jsonb, %s::text, %s::timestamptz)
"""


async def select_newest(raw: RawConnection, org_id: UUID) -> Edition | None:
    """The current version; None while the defaults hold."""
    return _edition(await (await raw.execute(_SELECT_NEWEST, (org_id,))).fetchone())


async def select_version(raw: RawConnection, org_id: UUID, version: int) -> Edition | None:
    """One version."""
    return _edition(await (await raw.execute(_SELECT_VERSION, (org_id, version))).fetchone())


async def lock_settings(raw: RawConnection, org_id: UUID) -> None:
    """One change at a time, until the transaction ends."""
    await raw.execute(_LOCK, (org_id,))


async def insert_version(raw: RawConnection, org_id: UUID, edition: Edition) -> None:
    """Store the next version, while the settings are locked."""
    numbers = orjson.dumps(edition.numbers).decode()
    changed = (edition.changed_by, edition.changed_at)
    await raw.execute(_INSERT, (org_id, edition.version, numbers, *changed))


def _edition(row: Row | None) -> Edition | None:
    return None if row is None else Edition.of(*row)
