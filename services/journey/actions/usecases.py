"""What to do for a client: read, then decide. Nothing is written, be it asked a million times."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from uuid import UUID

from services.journey.actions import queries
from services.journey.actions.rules import advice as rules
from services.journey.actions.rules.advice import Advice, Case
from services.journey.actions.rules.known import Known, Question
from services.journey.actions.rules.memory import Memory
from services.journey.catalogue.usecases import Editions
from services.journey.journeys.errors import ClientNotFound
from services.journey.journeys.queries import select_events_after, select_events_until
from services.journey.journeys.rules.moments import from_micros
from services.journey.journeys.rules.progress import back_then, onwards
from services.journey.journeys.rules.settings import JourneySettings
from services.journey.journeys.rules.vocabulary import Micros
from services.journey.journeys.usecases import read_known_as_of
from services.journey.learning.rules.policy import Policy, Prospects
from services.journey.signals.usecases import Signalling
from shared.database import Database, RawConnection
from shared.identity.identity import Identity
from shared.lengthy import worked_out

_POLICIES_KEPT = 1024
_PROSPECTS_KEPT = 8192
_NOTHING_LEARNT = Policy()

_Shared = tuple[JourneySettings, Policy]


class NextActions:
    """Recommends, and remembers what is the same for many clients."""

    def __init__(self, database: Database, signalling: Signalling) -> None:
        self._database = database
        self._signalling = signalling
        self._editions = Editions()
        self._policies: Memory[tuple[UUID, int], Policy] = Memory(_POLICIES_KEPT)
        self._prospects: Memory[Hashable, Prospects] = Memory(_PROSPECTS_KEPT)

    async def get_next_best_action(self, caller: Identity, question: Question) -> Advice:
        """What to do for the client. Raises ClientNotFound, ClientUnknownThen."""
        if question.then is None:
            case = await self._now(caller, question.client_id, question.now)
        else:
            case = await self._then(caller, question.client_id, question.then)
        return self._advise(case, question.most)

    async def _now(self, caller: Identity, client_id: str, now: Micros) -> Case:
        known = await queries.select_known(self._database, caller.tenant, client_id, now)
        if known is None:
            raise ClientNotFound(resource="client")
        org_id, pending_at = caller.org_id, known.standing.pending_at
        shared = self._remembered(org_id, known)
        if shared is None or (pending_at is not None and pending_at <= now):
            async with self._database.raw_transaction(caller.tenant) as raw:
                known = await _caught_up(raw, org_id, client_id, known, now)
                shared = await self._read(raw, org_id, known)
        if known.standing.signals is None:
            signals = await self._signalling.ask(caller, client_id, from_micros(now))
            known = known._replace(standing=replace(known.standing, signals=signals))
        return Case(org_id, client_id, known, *shared, now)

    async def _then(self, caller: Identity, client_id: str, as_of: Micros) -> Case:
        org_id = caller.org_id
        async with self._database.raw_transaction(caller.tenant) as raw:
            as_of = await read_known_as_of(raw, org_id, client_id, as_of)
            known = await queries.select_known_then(raw, org_id, client_id, as_of)
            if known is None:
                raise ClientNotFound(resource="client")
            events = await select_events_until(raw, org_id, client_id, as_of)
            shared = await self._read(raw, org_id, known)
        standing = await worked_out(len(events), back_then, known.standing, events, as_of)
        return Case(org_id, client_id, known._replace(standing=standing), *shared, as_of, past=True)

    def _advise(self, case: Case, most: int) -> Advice:
        found = rules.permitted(case)
        draw = rules.drawn(case)
        key = rules.alike(case, found, draw)
        expected = self._prospects.get(key) or self._prospects.put(
            key, rules.outlook(case, found, draw)
        )
        return rules.advice(case, found, draw, expected, most)

    def _remembered(self, org_id: UUID, known: Known) -> _Shared | None:
        """Settings and policy, if no question is needed."""
        settings = self._editions.known(org_id, known.settings_version)
        policy = self._policy(org_id, known.policy_version)
        return None if settings is None or policy is None else (settings, policy)

    async def _read(self, raw: RawConnection, org_id: UUID, known: Known) -> _Shared:
        settings = await self._editions.read(raw, org_id, known.settings_version)
        version = known.policy_version
        if (policy := self._policy(org_id, version)) is None:
            policy = await queries.select_policy(raw, org_id, version)
            self._policies.put((org_id, version), policy)
        return settings, policy

    def _policy(self, org_id: UUID, version: int) -> Policy | None:
        return self._policies.get((org_id, version)) if version else _NOTHING_LEARNT


async def _caught_up(
    raw: RawConnection, org_id: UUID, client_id: str, known: Known, now: Micros
) -> Known:
    """With the events whose time has come since the facts were kept."""
    standing = known.standing
    if standing.pending_at is None or standing.pending_at > now:
        return known
    after = {client_id: standing.facts.last_key}
    events = (await select_events_after(raw, org_id, after)).get(client_id, ())
    progress = await worked_out(len(events), onwards, standing, events, now)
    return known._replace(standing=progress.of(standing))
