"""What can go wrong for a caller, in words of the domain; nothing here knows gRPC.

The docstring of a class is its message, filled from the metadata it is raised with. An area derives
its own errors from these and gives them a `reason` of `footfall.errors.v1.ErrorReason`; what code a
class becomes on the wire is the business of the one table in `shared/rpc/status.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Violation:
    """One field that breaks a rule: where, and what is wrong and what is allowed."""

    field: str
    description: str


@dataclass(frozen=True, slots=True)
class QuotaViolation:
    """One limit that is used up: whose, and what it allows."""

    subject: str
    description: str


class FootfallError(Exception):
    """The call failed."""

    reason: ClassVar[str] = "INTERNAL"
    retry_after: float | None = None
    """Seconds after which a retry may succeed; None says nothing about retries."""

    def __init__(
        self,
        message: str | None = None,
        *,
        violations: Iterable[Violation] = (),
        quota: Iterable[QuotaViolation] = (),
        retry_after: float | None = None,
        **metadata: str,
    ) -> None:
        self.metadata: Mapping[str, str] = metadata
        self.violations = tuple(violations)
        self.quota = tuple(quota)
        if retry_after is not None:
            self.retry_after = retry_after
        self.message = message or _template(type(self)).format_map(metadata)
        super().__init__(self.message)


def _template(error: type[FootfallError]) -> str:
    first_paragraph = (inspect.getdoc(error) or error.__name__).split("\n\n", 1)[0]
    return " ".join(first_paragraph.split())


class InvalidField(FootfallError):
    """A field breaks its documented constraint."""

    reason = "INVALID_FIELD"

    @classmethod
    def of(cls, field: str, description: str) -> InvalidField:
        """The common case: one field, what is wrong and what is allowed."""
        return cls(violations=[Violation(field, description)])


class UndecodableRequest(FootfallError):
    """The bytes of the request are not a message of the method's request type."""

    reason = "UNDECODABLE_REQUEST"


class InvalidPageToken(FootfallError):
    """The token is damaged, or belongs to another query or organisation; begin without one."""

    reason = "INVALID_PAGE_TOKEN"


class MessageTooLarge(FootfallError):
    """The message is larger than {limit_bytes} bytes; send smaller batches."""

    reason = "MESSAGE_TOO_LARGE"


class CredentialRefused(FootfallError):
    """No valid credential: send `authorization: Bearer` with an API key or a token."""

    reason = "CREDENTIAL_REFUSED"


class ScopeMissing(FootfallError):
    """The credential lacks the scope {scope}."""

    reason = "SCOPE_MISSING"


class RoleNotPermitted(FootfallError):
    """The role {role} may not do this."""

    reason = "ROLE_NOT_PERMITTED"


class ForeignOrganisation(FootfallError):
    """The header x-org-id names another organisation than the credential does."""

    reason = "FOREIGN_ORGANISATION"


class NotFound(FootfallError):
    """There is no such resource."""

    reason = "NOT_FOUND"


class AlreadyExists(FootfallError):
    """A resource of that name exists already."""

    reason = "ALREADY_EXISTS"


class RequestIdReused(FootfallError):
    """The request_id was used before with other content."""

    reason = "REQUEST_ID_REUSED"


class StaleEtag(FootfallError):
    """The etag is not that of the current version: read again, merge, retry."""

    reason = "STALE_ETAG"


class ConcurrentChange(StaleEtag):
    """Others changed the same thing at the same time: read again, merge, retry."""


class FailedPrecondition(FootfallError):
    """The state of the resource forbids it."""

    reason = "FAILED_PRECONDITION"


class ResumeTokenExpired(FootfallError):
    """The resume token is older than what is kept; the oldest valid one is in the metadata."""

    reason = "RESUME_TOKEN_EXPIRED"


class StreamLifeEnded(FootfallError):
    """The stream reached the end of its life: open it again where this one ended."""

    reason = "STREAM_LIFE_ENDED"
    retry_after = 0.0


class Overloaded(FootfallError):
    """The service has more work in hand than it can finish in time."""

    reason = "OVERLOADED"
    retry_after = 1.0


class DatabaseAway(FootfallError):
    """The service is not ready: its database is away, or it is starting or stopping."""

    reason = "DATABASE_AWAY"
    retry_after = 1.0


class QuotaExhausted(FootfallError):
    """The limit {limit} is used up."""

    reason = "QUOTA_EXHAUSTED"
    retry_after = 1.0


class DeadlinePassed(FootfallError):
    """The work did not finish before the deadline; whether it took effect is unknown."""

    reason = "DEADLINE_PASSED"
