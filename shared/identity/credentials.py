"""From `authorization` metadata to an identity, once per credential and half a minute.

Checking a signature and asking the database for every call would cost more than the calls. So the
outcome is kept for at most 30 seconds, which is also the longest that a revocation or a new role
needs to take effect, and the time for which callers are served while the database is away.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import psycopg

from shared.clock import Clock
from shared.database import Database, RawConnection, Tenant
from shared.errors import CredentialRefused, Overloaded
from shared.identity import queries
from shared.identity.api_keys import PREFIX, read_api_key
from shared.identity.identity import Claims, Identity, Role, weaker
from shared.identity.internal import InternalVerifier
from shared.identity.last_use import LastUse
from shared.identity.queries import Standing, StoredKey
from shared.identity.tokens import MAX_TOKEN_BYTES, TokenVerifier
from shared.sqlstate import domain_error

Metadata = Mapping[str, str | bytes]

KEPT_SECONDS = 30.0
_REFUSAL_KEPT_SECONDS = 5.0
_CACHE_SIZE = 10_000
_MAX_FLIGHTS = 1_000
_MAX_LOOKUPS = 4  # connections that callers may hold before they have shown who they are
_SCHEME = "bearer "
_MAX_HEADER_LENGTH = MAX_TOKEN_BYTES + len(_SCHEME)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Credential:
    """A caller who is known, and the rates that were set for it (None: no limit)."""

    identity: Identity
    org_calls_per_second: int | None = None
    key_calls_per_second: int | None = None


class Authenticator:
    """Knows callers by their metadata: `cached` first, without waiting, else `authenticate`."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        tokens: TokenVerifier | None = None,
        internal: InternalVerifier | None = None,
        size: int = _CACHE_SIZE,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._internal = internal
        self._clock = clock
        self._monotonic = clock.monotonic
        self._known: _Kept[Credential] = _Kept(size)
        self._refused: _Kept[bool] = _Kept(size)
        self._flights: dict[bytes, asyncio.Task[Credential]] = {}
        self._lookups = asyncio.Semaphore(_MAX_LOOKUPS)
        self._last_use = LastUse(database)

    def cached(self, metadata: Metadata) -> Credential | None:
        """The caller, when it was known a moment ago; None says to ask `authenticate`."""
        header = metadata.get("authorization", "")
        if len(header) > _MAX_HEADER_LENGTH:
            return None
        return self._known.get(_digest(header), self._monotonic())

    async def authenticate(self, metadata: Metadata) -> Credential:
        """The caller, or CredentialRefused; DatabaseAway or Overloaded when nobody can tell now."""
        header = _bearer_header(metadata)
        digest, now = _digest(header), self._monotonic()
        if (known := self._known.get(digest, now)) is not None:
            return known
        if self._refused.get(digest, now):
            raise CredentialRefused
        flight = self._flights.get(digest) or self._take_off(digest, header)
        return await asyncio.shield(
            flight
        )  # one caller who gives up does not end it for the others

    async def close(self) -> None:
        """Write what is left to write, and leave nothing running."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        await self._last_use.close()

    def _take_off(self, digest: bytes, header: str) -> asyncio.Task[Credential]:
        if len(self._flights) >= _MAX_FLIGHTS:
            raise Overloaded
        flight = asyncio.create_task(self._check(digest, header[len(_SCHEME) :]))
        self._flights[digest] = flight
        flight.add_done_callback(lambda done: self._land(digest, done))
        return flight

    def _land(self, digest: bytes, flight: asyncio.Task[Credential]) -> None:
        del self._flights[digest]
        if not flight.cancelled():
            flight.exception()  # seen here, for all who waited may have gone

    async def _check(self, digest: bytes, bearer: str) -> Credential:
        try:
            claims, standing = await self._ask(bearer)
            credential = _admit(claims, standing)
        except CredentialRefused:
            self._refused.put(digest, value=True, until=self._monotonic() + _REFUSAL_KEPT_SECONDS)
            raise
        if claims.key_id is not None:
            self._last_use.note(claims.org_id, claims.key_id)
        self._known.put(digest, credential, until=self._monotonic() + self._kept_seconds(claims))
        return credential

    async def _ask(self, bearer: str) -> tuple[Claims, Standing | None]:
        """What the credential says of itself, and what its organisation says of the subject."""
        if bearer.startswith(PREFIX):
            return await self._ask_for_key(bearer)
        claims = await self._token_claims(bearer)
        if claims.internal:
            return claims, None
        tenant = Tenant(claims.org_id, Role.SERVICE.value)
        async with self._asking(self._database.raw_transaction(tenant)) as connection:
            standing = await queries.select_standing(
                connection, claims.org_id, claims.subject, claims.token_id
            )
        if standing is None:
            raise CredentialRefused
        return claims, standing

    async def _ask_for_key(self, bearer: str) -> tuple[Claims, Standing]:
        key = read_api_key(bearer)
        if key is None:
            raise CredentialRefused
        async with self._asking(self._database.across_tenants()) as connection:
            found = await queries.select_api_keys(connection, key.key_id)
        stored = next((one for one in found if key.opens(one.secret_hash)), None)
        if stored is None or stored.revoked_at is not None or stored.member_role is None:
            raise CredentialRefused
        if stored.expires_at is not None and stored.expires_at <= self._clock.now():
            raise CredentialRefused
        return _key_claims(stored), Standing(
            role=stored.member_role,
            disabled=bool(stored.member_disabled),
            token_revoked=False,
            org_calls_per_second=stored.org_calls_per_second,
        )

    async def _token_claims(self, bearer: str) -> Claims:
        if self._internal is not None and self._internal.knows(bearer):
            return await self._internal.verify(bearer)
        if self._tokens is not None:
            return await self._tokens.verify(bearer)
        raise CredentialRefused

    @asynccontextmanager
    async def _asking(
        self, transaction: AbstractAsyncContextManager[RawConnection]
    ) -> AsyncIterator[RawConnection]:
        """A transaction on one of the few connections that strangers may cost us."""
        try:
            async with self._lookups, transaction as connection:
                yield connection
        except psycopg.Error as error:
            if (meant := domain_error(error)) is None:
                raise
            raise meant from error

    def _kept_seconds(self, claims: Claims) -> float:
        """Not beyond the credential's own end, the leeway for clocks left out."""
        if claims.expires_at is None:
            return KEPT_SECONDS
        return min(KEPT_SECONDS, claims.expires_at - self._clock.now().timestamp())


class _Kept(Generic[T]):
    """A bounded memory of outcomes. What is put last ends last, near enough: the oldest goes."""

    __slots__ = ("_entries", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: dict[bytes, tuple[T, float]] = {}

    def get(self, digest: bytes, now: float) -> T | None:
        entry = self._entries.get(digest)
        return entry[0] if entry is not None and entry[1] > now else None

    def put(self, digest: bytes, value: T, *, until: float) -> None:
        self._entries.pop(digest, None)
        if len(self._entries) >= self._size:
            del self._entries[next(iter(self._entries))]
        self._entries[digest] = (value, until)


def _digest(header: str | bytes) -> bytes:
    """What the cache knows a credential by: memory never holds one longer than its call."""
    if isinstance(header, str):
        header = header.encode("utf-8", "surrogatepass")
    return hashlib.sha256(header).digest()


def _bearer_header(metadata: Metadata) -> str:
    header = metadata.get("authorization")
    if not isinstance(header, str) or len(header) > _MAX_HEADER_LENGTH:
        raise CredentialRefused
    if header[: len(_SCHEME)].lower() != _SCHEME:
        raise CredentialRefused
    return header


def _key_claims(stored: StoredKey) -> Claims:
    return Claims(
        org_id=stored.org_id,
        subject=stored.subject,
        role=Role(stored.role),
        expires_at=stored.expires_at.timestamp() if stored.expires_at else None,
        scopes=None if stored.scopes is None else frozenset(stored.scopes),
        key_id=stored.key_id,
        key_calls_per_second=stored.key_calls_per_second,
    )


def _admit(claims: Claims, standing: Standing | None) -> Credential:
    """Let the organisation have its word; of a service of ours (None) it has none."""
    if standing is None:
        return Credential(_identity(claims, claims.role))
    if standing.disabled or standing.token_revoked:
        raise CredentialRefused
    return Credential(
        _identity(claims, weaker(claims.role, Role(standing.role))),
        org_calls_per_second=standing.org_calls_per_second,
        key_calls_per_second=claims.key_calls_per_second,
    )


def _identity(claims: Claims, role: Role) -> Identity:
    return Identity(
        org_id=claims.org_id,
        subject=claims.subject,
        role=role,
        scopes=claims.scopes,
        key_id=claims.key_id,
        act=claims.act,
    )
