"""What is done with guard-rails."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from services.pricing.guard_rails import queries
from services.pricing.guard_rails.errors import SettingsVersionNotFound
from services.pricing.guard_rails.rules.editions import Change, Edition, change, differences
from services.pricing.guard_rails.rules.ground import Ground
from services.pricing.guard_rails.rules.settings import PricingSettings
from services.pricing.tiers.rules import Tier
from shared.database import Database, RawConnection, Transaction
from shared.identity.identity import Identity
from shared.schema import audit


async def read_settings(raw: RawConnection, org_id: UUID) -> PricingSettings:
    """The guard-rails that hold now, in a transaction of the organisation."""
    return (await _current(raw, org_id)).settings


async def read_ground(raw: RawConnection, org_id: UUID, tier: Tier, now: datetime) -> Ground:
    """What the guard-rails look at for a tier."""
    seen = await queries.select_seen(raw, org_id, tier.tier_id, tier.currency, now)
    return Ground.of(tier, seen.year_minor, seen.competitors_minor)


async def get_pricing_settings(database: Database, caller: Identity, version: int) -> Edition:
    """One version, 0 for the current one. Raises SettingsVersionNotFound."""
    async with database.raw_transaction(caller.tenant) as raw:
        if not version:
            return await _current(raw, caller.org_id)
        if (edition := await queries.select_version(raw, caller.org_id, version)) is None:
            raise SettingsVersionNotFound(resource="pricing_settings")
        return edition


async def update_pricing_settings(
    transaction: Transaction, caller: Identity, wanted: Change
) -> Edition:
    """Make the next version, if anything changes.

    Raises InvalidField, SettingsStale, SetByTheServer, SettingsContradict.
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
        action="pricing_settings.update",
        target=str(changed.version),
        details={"version": changed.version, "changed": changes},
    )
    return changed


async def _current(raw: RawConnection, org_id: UUID) -> Edition:
    return await queries.select_newest(raw, org_id) or Edition()
