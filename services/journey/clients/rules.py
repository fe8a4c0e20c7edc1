"""Clients as values, and what a change of one means. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from services.journey.clients.errors import ClientStale
from services.journey.journeys.rules.vocabulary import Stage

_NEXT_MOMENT = timedelta(microseconds=1)


class Profile(NamedTuple):
    """What callers say of a client, in the order of its columns."""

    name: str
    email: str
    ai_score: float | None
    status: str
    owner: str
    tags: list[str]
    time_zone: str
    do_not_contact: bool
    segment: str

    @property
    def versioned(self) -> tuple[float | None, str, bool, str]:
        """What counts in answers about the past."""
        return self.ai_score, self.time_zone, self.do_not_contact, self.segment


@dataclass(frozen=True, slots=True)
class Client:
    """A client as it is kept."""

    client_id: str
    profile: Profile
    revision: int
    created_at: datetime
    updated_at: datetime

    def etag(self, org_id: UUID) -> str:
        """Changes with every change, and fits no other client, nor one made again."""
        made = self.created_at.isoformat()
        version = f"{org_id}/clients/{self.client_id}/{made}/{self.revision}"
        return hashlib.blake2b(version.encode(), digest_size=8).hexdigest()

    def check_etag(self, org_id: UUID, sent: str) -> None:
        """Refuse a stale one; empty takes the client as it is. Raises ClientStale."""
        if sent and sent != self.etag(org_id):
            raise ClientStale

    def replaced(self, profile: Profile, now: datetime) -> Client:
        """The client with another profile; its times only ever grow."""
        changed_at = max(now, self.updated_at + _NEXT_MOMENT)
        return Client(self.client_id, profile, self.revision + 1, self.created_at, changed_at)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A client as it is to be."""

    client_id: str
    profile: Profile
    etag: str

    def made(self, now: datetime) -> Client:
        """The client, when there is none yet. Raises ClientStale when one was expected."""
        if self.etag:
            raise ClientStale
        return Client(self.client_id, self.profile, 1, now, now)


@dataclass(frozen=True, slots=True)
class Where:
    """Which clients a list names; empty asks for all."""

    stages: Sequence[Stage] = ()
    owner: str = ""
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Some clients by client_id, and whether there are more."""

    clients: Sequence[Client]
    more: bool
