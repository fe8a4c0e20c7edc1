"""What is done with settings."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime
from uuid import UUID

from services.journey.catalogue import queries
from services.journey.catalogue.errors import SettingsVersionNotFound
from services.journey.catalogue.rules.editions import Change, Edition, change, differences
from services.journey.journeys.rules.settings import JourneySettings
from shared.database import Database, RawConnection, Transaction
from shared.identity.identity import Identity
from shared.schema import audit

EDITIONS_KEPT = 4096


class Editions:
    """Versions that were read before; one never changes, so none is ever forgotten for its age."""

    def __init__(self, kept: int = EDITIONS_KEPT) -> None:
        self._kept = kept
        self._known: OrderedDict[tuple[UUID, int], JourneySettings] = OrderedDict()

    def known(self, org_id: UUID, version: int) -> JourneySettings | None:
        """The version, if no question is needed; 0 are the defaults."""
        if not version:
            return _DEFAULTS
        if found := self._known.get((org_id, version)):
            self._known.move_to_end((org_id, version))
        return found

    async def read(self, raw: RawConnection, org_id: UUID, version: int) -> JourneySettings:
        """The version, in a transaction of the organisation. Raises SettingsVersionNotFound."""
        if found := self.known(org_id, version):
            return found
        edition = await _version(raw, org_id, version)
        self._known[org_id, version] = edition.settings
        if len(self._known) > self._kept:
            self._known.popitem(last=False)
        return edition.settings


async def read_settings(raw: RawConnection, org_id: UUID) -> JourneySettings:
    """The settings that hold now, in a transaction of the organisation."""
    return (await _current(raw, org_id)).settings


async def read_settings_as_of(raw: RawConnection, org_id: UUID, as_of: datetime) -> JourneySettings:
    """The settings that held then."""
    edition = await queries.select_newest_at(raw, org_id, as_of)
    return edition.settings if edition else _DEFAULTS


async def get_journey_settings(database: Database, caller: Identity, version: int) -> Edition:
    """One version, 0 for the current one. Raises SettingsVersionNotFound."""
    async with database.raw_transaction(caller.tenant) as raw:
        if version:
            return await _version(raw, caller.org_id, version)
        return await _current(raw, caller.org_id)


async def update_journey_settings(
    transaction: Transaction, caller: Identity, wanted: Change
) -> Edition:
    """Make the next version, if anything changes.

    Raises SettingsStale, SetByTheServer, SettingsContradict.
    """
    raw, org_id = transaction.raw, caller.org_id
    await queries.lock_settings(raw, org_id)
    known = await _current(raw, org_id)
    changed = change(known, wanted, org_id, caller.actor, datetime.now(UTC))
    changes = differences(known, changed)
    if not changes:
        return known
    await queries.insert_version(raw, org_id, changed)
    await audit.append(
        raw,
        org_id,
        actor=caller.actor,
        actor_role=caller.role.value,
        action="journey_settings.update",
        target=str(changed.version),
        details={"version": changed.version, "changed": changes},
    )
    return changed


_DEFAULTS = JourneySettings()


async def _current(raw: RawConnection, org_id: UUID) -> Edition:
    return await queries.select_newest(raw, org_id) or Edition()


async def _version(raw: RawConnection, org_id: UUID, version: int) -> Edition:
    if (edition := await queries.select_version(raw, org_id, version)) is None:
        raise SettingsVersionNotFound(resource="journey_settings")
    return edition
