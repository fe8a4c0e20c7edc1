"""An authenticator and everything around it, for tests: the database counted, time held."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.database import Database, RawConnection, Tenant
from shared.errors import CredentialRefused, DatabaseAway
from shared.identity.credentials import Authenticator, Credential
from shared.identity.internal import InternalVerifier
from tests.credentials import Issuer, StoodClock
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase


class CountingDatabase(Database):
    """Counts what is asked; can be taken away."""

    asked = 0
    away = False

    @asynccontextmanager
    async def raw_transaction(self, tenant: Tenant) -> AsyncIterator[RawConnection]:
        self._count()
        async with super().raw_transaction(tenant) as connection:
            yield connection

    @asynccontextmanager
    async def across_tenants(self) -> AsyncIterator[RawConnection]:
        self._count()
        async with super().across_tenants() as connection:
            yield connection

    def _count(self) -> None:
        self.asked += 1
        if self.away:
            raise DatabaseAway


@dataclass
class Gate:
    """An authenticator and everything around it."""

    database: CountingDatabase
    clock: StoodClock
    issuer: Issuer
    internal_key: Ed25519PrivateKey
    size: int = 100

    def __post_init__(self) -> None:
        self.authenticator = Authenticator(
            self.database,
            self.clock,
            tokens=self.issuer.verifier(),
            internal=InternalVerifier(self.internal_key.public_key()),
            size=self.size,
        )

    async def enter(self, bearer: str) -> Credential:
        return await self.authenticator.authenticate({"authorization": f"Bearer {bearer}"})

    def cached(self, bearer: str) -> Credential | None:
        return self.authenticator.cached({"authorization": f"Bearer {bearer}"})

    async def refuses(self, bearer: str) -> bool:
        try:
            await self.enter(bearer)
        except CredentialRefused:
            return True
        return False

    def token(self, organisation: Organisation, subject: str = "mia", **claims: object) -> str:
        """A token of the issuer for somebody of the organisation."""
        return self.issuer.token(**{"org": str(organisation.org_id), "sub": subject, **claims})


@asynccontextmanager
async def open_gate(database: MigratedDatabase) -> AsyncIterator[Gate]:
    """A gate of a service's login, with an issuer and a clock of its own."""
    door = CountingDatabase(database.urls["footfall_event_ingest"], application_name="test", size=4)
    await door.open()
    gate = Gate(door, StoodClock(), Issuer(), Ed25519PrivateKey.generate())
    try:
        yield gate
    finally:
        await gate.authenticator.close()
        await door.close()
