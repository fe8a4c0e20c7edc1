"""Requests for a price, and what was said of them, as values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, NamedTuple
from uuid import UUID


class State(IntEnum):
    """Where a request stands; the numbers of the contract."""

    PENDING_REVIEW = 1
    APPROVED = 2
    REJECTED = 3
    CHANGES_REQUESTED = 4
    STALE = 5
    EXPIRED = 6
    WITHDRAWN = 7


class Verdict(IntEnum):
    """What somebody says of a request; the numbers of the contract."""

    APPROVED = 1
    REJECTED = 2
    CHANGES_REQUESTED = 3


class Said(NamedTuple):
    """A verdict that was given, in the order in which it is stored."""

    verdict: Verdict
    decided_by: str
    role: str
    decided_at: datetime
    notes: str
    revision: int
    content_hash: bytes


class Risk(NamedTuple):
    """Something to think of before a decision."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Approval:
    """A request as it is kept, at its last revision."""

    approval_id: UUID
    tier_id: str
    state: State
    revision: int
    number: int
    """Counts every change."""
    suggestion_id: UUID | None
    rolls_back: UUID | None
    requested_at: datetime
    expires_at: datetime
    changed_at: datetime
    content_hash: bytes
    base_version: int
    current_minor: int
    proposed_minor: int
    currency: str
    requested_effective_at: datetime | None
    reason: str
    evidence: Mapping[str, Any]
    """`Evidence` of the contract as JSON."""
    risks: Sequence[Risk]
    requested_by: str
    contributors: Sequence[str]
    """Everyone who asked or revised, each once, the first one first."""
    verdicts: Sequence[Said]
    price_change_id: UUID | None

    @property
    def raises(self) -> bool:
        """Whether subscribers would pay more."""
        return self.proposed_minor > self.current_minor

    def etag(self, org_id: UUID) -> str:
        """Changes with every change, and fits no other request."""
        version = f"{org_id}/approvals/{self.approval_id}/{self.number}/{self.content_hash.hex()}"
        return hashlib.blake2b(version.encode(), digest_size=8).hexdigest()

    def number_of(self, org_id: UUID, etag: str) -> int:
        """The number that an etag stands for; NO_NUMBER when it is not the current one."""
        return self.number if etag == self.etag(org_id) else NO_NUMBER


NO_NUMBER = -1
"""Of a request that was read before its last change."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is asked for."""

    proposed_minor: int
    currency: str
    reason: str
    effective_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request to be made."""

    tier_id: str
    proposal: Proposal
    suggestion_id: UUID | None = None
    rolls_back: UUID | None = None
    """The change that it undoes."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A request to be changed."""

    approval_id: UUID
    etag: str
    proposal: Proposal

    @property
    def line(self) -> tuple[str]:
        """Who acts on one request stands in line with others who do."""
        return (str(self.approval_id),)


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody says, of exactly what they read."""

    approval_id: UUID
    etag: str
    notes: str

    @property
    def line(self) -> tuple[str]:
        """Who acts on one request stands in line with others who do."""
        return (str(self.approval_id),)


@dataclass(frozen=True, slots=True)
class Where:
    """Which requests are meant; empty means all."""

    states: Sequence[State] = ()
    tier_id: str = ""


class Cursor(NamedTuple):
    """A place in a list, the latest first."""

    requested_at: datetime
    approval_id: UUID


@dataclass(frozen=True, slots=True)
class Page:
    """Some requests, and whether there are more."""

    approvals: Sequence[Approval]
    more: bool
