"""What a user's days add up to: read, then decide."""

from __future__ import annotations

from datetime import datetime

from services.insight.profiles import queries, rules
from services.insight.profiles.errors import ProfileNotFound
from services.insight.profiles.rules import LISTED_DAYS, Page, Profile, Tally
from shared.database import Database
from shared.identity.identity import Identity, Role


async def get_behaviour_profile(
    database: Database, caller: Identity, user_id: str, as_of: datetime
) -> Profile:
    """The profile of one user. Raises ProfileNotFound; a member knows of nobody else."""
    tally = await queries.select_tally(database, caller.tenant, user_id, as_of)
    if not tally.known:
        raise ProfileNotFound(resource="profile")
    return rules.profile(tally)


async def list_behaviour_profiles(
    database: Database, caller: Identity, as_of: datetime, *, after: str, size: int
) -> Page:
    """A page of profiles, by user."""
    if caller.role is Role.MEMBER:
        tallies = await _own(database, caller, as_of)
    else:
        tallies = await queries.select_tallies(
            database, caller.tenant, as_of, after=after, limit=size + 1
        )
    return Page([rules.profile(one) for one in tallies[:size]], as_of, len(tallies) > size)


async def _own(database: Database, caller: Identity, as_of: datetime) -> list[Tally]:
    """All that a member may see, without a look at the days of everybody else."""
    own = await queries.select_tally(database, caller.tenant, caller.subject, as_of)
    return [own] if own.newest_age is not None and own.newest_age < LISTED_DAYS else []
