"""What is done with thresholds."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from services.insight.detection.rules.settings import DetectorSettings
from services.insight.detector_settings import queries, rules
from services.insight.detector_settings.errors import SettingsVersionNotFound
from services.insight.detector_settings.rules import Change, Edition
from shared.database import Database, RawConnection, Transaction
from shared.identity.identity import Identity
from shared.schema import audit


async def read_settings(raw: RawConnection, org_id: UUID) -> DetectorSettings:
    """The thresholds that hold now, in a transaction of the organisation."""
    return (await _current(raw, org_id)).settings


async def get_detector_settings(database: Database, caller: Identity, version: int) -> Edition:
    """One version, 0 for the current one. Raises SettingsVersionNotFound."""
    async with database.raw_transaction(caller.tenant) as raw:
        if not version:
            return await _current(raw, caller.org_id)
        edition = await queries.select_version(raw, caller.org_id, version)
    if edition is None:
        raise SettingsVersionNotFound(resource="detector_settings")
    return edition


async def update_detector_settings(
    transaction: Transaction, caller: Identity, wanted: Change
) -> Edition:
    """Make the next version. Raises SettingsStale, SetByTheServer, SettingsContradict."""
    raw, org_id = transaction.raw, caller.org_id
    await queries.lock_settings(raw, org_id)
    known = await _current(raw, org_id)
    changed = rules.change(known, wanted, org_id, caller.actor, datetime.now(UTC))
    await queries.insert_version(raw, org_id, changed)
    await audit.append(
        raw,
        org_id,
        actor=caller.actor,
        actor_role=caller.role.value,
        action="detector_settings.update",
        target=str(changed.version),
        details={"version": changed.version, "changed": rules.differences(known, changed)},
    )
    return changed


async def _current(raw: RawConnection, org_id: UUID) -> Edition:
    return await queries.select_newest(raw, org_id) or Edition()
