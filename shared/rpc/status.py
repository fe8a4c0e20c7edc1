"""THE error table: which gRPC code each domain error becomes; the most specific class wins.

Every error carries one `google.rpc.ErrorInfo`; what else it carries follows from what it knows:
violated fields are a `BadRequest`, a time to retry a `RetryInfo`, a used-up limit a `QuotaFailure`.
What is not in the table is a fault of ours: INTERNAL, with an id under which the log tells more.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode

from shared import errors

DOMAIN = "footfall"
DETAILS_KEY = "grpc-status-details-bin"

CODES: Mapping[type[errors.FootfallError], StatusCode] = {
    errors.InvalidField: StatusCode.INVALID_ARGUMENT,
    errors.UndecodableRequest: StatusCode.INVALID_ARGUMENT,
    errors.InvalidPageToken: StatusCode.INVALID_ARGUMENT,
    errors.CredentialRefused: StatusCode.UNAUTHENTICATED,
    errors.ScopeMissing: StatusCode.PERMISSION_DENIED,
    errors.RoleNotPermitted: StatusCode.PERMISSION_DENIED,
    errors.ForeignOrganisation: StatusCode.PERMISSION_DENIED,
    errors.NotFound: StatusCode.NOT_FOUND,
    errors.AlreadyExists: StatusCode.ALREADY_EXISTS,
    errors.RequestIdReused: StatusCode.ALREADY_EXISTS,
    errors.StaleEtag: StatusCode.ABORTED,
    errors.FailedPrecondition: StatusCode.FAILED_PRECONDITION,
    errors.ResumeTokenExpired: StatusCode.OUT_OF_RANGE,
    errors.StreamLifeEnded: StatusCode.UNAVAILABLE,
    errors.Overloaded: StatusCode.UNAVAILABLE,
    errors.DatabaseAway: StatusCode.UNAVAILABLE,
    errors.QuotaExhausted: StatusCode.RESOURCE_EXHAUSTED,
    errors.MessageTooLarge: StatusCode.RESOURCE_EXHAUSTED,
    errors.DeadlinePassed: StatusCode.DEADLINE_EXCEEDED,
}

# Trailers travel as metadata, and clients refuse metadata beyond 8 KiB: what would not fit is cut
# here (all in bytes), else the caller would hear of oversized headers instead of its mistake.
_MAX_VIOLATIONS = 20
_MAX_FIELD = 120
_MAX_DESCRIPTION = 200
_MAX_MESSAGE = 600
_MAX_DETAILS = 4000
_NAMED_IN_MESSAGE = 3


@dataclass(frozen=True, slots=True)
class Failure:
    """How a call ends when it does not end well, ready for the wire."""

    code: StatusCode
    reason: str
    message: str
    details: bytes = b""
    silent: bool = False
    """Nobody is there to be told; grpc closed the call already."""

    def trailers(self, request_id: str) -> tuple[tuple[str, str | bytes], ...]:
        """The metadata that closes the call."""
        return (DETAILS_KEY, self.details), ("x-request-id", request_id)


CALLER_GONE = Failure(StatusCode.CANCELLED, "CANCELLED", "", silent=True)
CALLER_OUT_OF_TIME = Failure(StatusCode.DEADLINE_EXCEEDED, "DEADLINE_PASSED", "", silent=True)


def code_of(error: type[BaseException]) -> StatusCode:
    """The code of a class: that of the nearest ancestor in the table, else INTERNAL."""
    return next((CODES[base] for base in error.__mro__ if base in CODES), StatusCode.INTERNAL)


def known(error: BaseException) -> bool:
    """Whether the table has an answer; what it has not is logged before it is told."""
    return code_of(type(error)) is not StatusCode.INTERNAL


def failure_of(error: errors.FootfallError) -> Failure:
    """What the caller of a method gets to know of a domain error."""
    message = _message(error)
    return Failure(code_of(type(error)), error.reason, message, _details(error, message))


def internal_failure(error_id: str) -> Failure:
    """What the caller gets to know of any other error: nothing but where to ask."""
    message = f"Internal error; ask the operator about {error_id}."
    error = errors.FootfallError(message, error_id=error_id)
    return Failure(StatusCode.INTERNAL, error.reason, message, _details(error, message))


def new_error_id() -> str:
    """Joins what the caller saw with what the log knows."""
    return secrets.token_hex(8)


def _message(error: errors.FootfallError) -> str:
    named = [f"{one.field}: {one.description}" for one in error.violations[:_NAMED_IN_MESSAGE]]
    if (more := len(error.violations) - len(named)) > 0:
        named.append(f"and {more} more")
    return _cut(" ".join([error.message, "; ".join(named)]).strip(), _MAX_MESSAGE)


def _details(error: errors.FootfallError, message: str) -> bytes:
    status = status_pb2.Status(code=code_of(type(error)).value[0], message=message)
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN)
    for key, text in error.metadata.items():
        info.metadata[key] = _cut(text, _MAX_DESCRIPTION)
    status.details.add().Pack(info)
    if error.retry_after is not None:
        delay = Duration()
        delay.FromMilliseconds(round(error.retry_after * 1000))
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    if error.quota:
        status.details.add().Pack(_quota_failure(error))
    if error.violations:
        room = _MAX_DETAILS - status.ByteSize()
        status.details.add().Pack(_bad_request(error.violations, room))
    return status.SerializeToString()


def _quota_failure(error: errors.FootfallError) -> error_details_pb2.QuotaFailure:
    used_up = error_details_pb2.QuotaFailure()
    for one in error.quota:
        used_up.violations.add(subject=one.subject, description=one.description)
    return used_up


def _bad_request(
    violations: tuple[errors.Violation, ...], room: int
) -> error_details_pb2.BadRequest:
    bad = error_details_pb2.BadRequest()
    for told, one in enumerate(violations):
        field, description = _cut(one.field, _MAX_FIELD), _cut(one.description, _MAX_DESCRIPTION)
        room -= len(field.encode()) + len(description.encode()) + 8
        if told == _MAX_VIOLATIONS or room < 0:
            bad.field_violations[-1].description += f" (and {len(violations) - told} more)"
            break
        bad.field_violations.add(field=field, description=description)
    return bad


def _cut(text: str, length: int) -> str:
    # Percent-encoded in transit, so a control character is harmless there; it is not in a terminal.
    clean = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    raw = clean.encode()
    return clean if len(raw) <= length else raw[: length - 3].decode(errors="ignore") + "…"
