"""How other areas read settings: those of now, of then, and of a version, asked for once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.journey.catalogue import queries
from services.journey.catalogue.errors import SettingsVersionNotFound
from services.journey.catalogue.rules.editions import Edition
from services.journey.catalogue.usecases import Editions, read_settings, read_settings_as_of
from services.journey.journeys.rules.settings import JourneySettings
from shared.database import Database
from tests.organisations import Organisation

BEGIN = datetime(2026, 5, 1, tzinfo=UTC)
DEFAULTS = JourneySettings()


@pytest.fixture
async def org_id(worker: Database, organisation: Organisation) -> UUID:
    """Has two versions, a day apart."""
    async with worker.raw_transaction(organisation.tenant()) as raw:
        for version in (1, 2):
            settings = JourneySettings(version=version, cooldown_days=version)
            edition = Edition(settings, "olga", BEGIN + timedelta(days=version))
            await queries.insert_version(raw, organisation.org_id, edition)
    return organisation.org_id


async def test_the_settings_of_now_are_the_newest(
    worker: Database, organisation: Organisation, org_id: UUID
) -> None:
    async with worker.raw_transaction(organisation.tenant()) as raw:
        found = await read_settings(raw, org_id)
    assert found == JourneySettings(version=2, cooldown_days=2)


async def test_without_any_version_the_defaults_hold(
    worker: Database, organisation: Organisation
) -> None:
    async with worker.raw_transaction(organisation.tenant()) as raw:
        assert await read_settings(raw, organisation.org_id) == DEFAULTS
        assert await read_settings_as_of(raw, organisation.org_id, BEGIN) == DEFAULTS
        assert await Editions().read(raw, organisation.org_id, 0) == DEFAULTS


@pytest.mark.parametrize(("hours", "version"), [(0, 0), (23.9, 0), (24, 1), (47.9, 1), (48, 2)])
async def test_the_settings_of_then_are_those_that_were_current(
    worker: Database, organisation: Organisation, org_id: UUID, hours: float, version: int
) -> None:
    async with worker.raw_transaction(organisation.tenant()) as raw:
        found = await read_settings_as_of(raw, org_id, BEGIN + timedelta(hours=hours))
    assert found.version == version


async def test_a_version_is_asked_for_once(
    worker: Database, organisation: Organisation, org_id: UUID
) -> None:
    editions = Editions()
    assert editions.known(org_id, 1) is None
    async with worker.raw_transaction(organisation.tenant()) as raw:
        first = await editions.read(raw, org_id, 1)
        assert first == JourneySettings(version=1, cooldown_days=1)
        assert await editions.read(raw, org_id, 1) is first
    assert editions.known(org_id, 1) is first
    assert editions.known(org_id, 2) is None


async def test_a_version_that_is_not_there_is_not_remembered(
    worker: Database, organisation: Organisation, org_id: UUID
) -> None:
    editions = Editions()
    async with worker.raw_transaction(organisation.tenant()) as raw:
        with pytest.raises(SettingsVersionNotFound):
            await editions.read(raw, org_id, 3)
        assert editions.known(org_id, 3) is None


async def test_versions_of_others_are_others(
    worker: Database, organisation: Organisation, other_organisation: Organisation, org_id: UUID
) -> None:
    editions = Editions()
    async with worker.raw_transaction(organisation.tenant()) as raw:
        await editions.read(raw, org_id, 1)
    async with worker.raw_transaction(other_organisation.tenant()) as raw:
        with pytest.raises(SettingsVersionNotFound):
            await editions.read(raw, other_organisation.org_id, 1)
        with pytest.raises(SettingsVersionNotFound):
            await Editions().read(raw, org_id, 1)  # behind the wall of the neighbour


async def test_what_was_not_asked_for_longest_makes_room(
    worker: Database, organisation: Organisation, org_id: UUID
) -> None:
    editions = Editions(kept=2)
    async with worker.raw_transaction(organisation.tenant()) as raw:
        third = Edition(JourneySettings(version=3), "olga", BEGIN + timedelta(days=3))
        await queries.insert_version(raw, org_id, third)
        for version in (1, 2, 1, 3):
            await editions.read(raw, org_id, version)
    assert [bool(editions.known(org_id, version)) for version in (1, 2, 3)] == [True, False, True]
