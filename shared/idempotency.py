"""Calls that may be repeated: the first answer to a `request_id` is the answer, for 24 hours.

The answer is kept in the transaction of what it answers, so there is never one without the other.
Upkeep deletes it when its time is over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar
from uuid import UUID

from google.protobuf.message import Message

from shared.database import Database, RawConnection, Transaction
from shared.errors import FootfallError, RequestIdReused
from shared.rpc.call import Call
from shared.schema import answers

Answer = TypeVar("Answer", bound=Message)


class Repeatable(Protocol):
    """A request that carries a `request_id`, empty when the caller does not want to repeat it."""

    request_id: str

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes:  # noqa: N802 - protobuf's
        """The message in bytes."""
        ...


async def answer_once(
    database: Database,
    call: Call,
    request: Repeatable,
    answer_type: type[Answer],
    act: Callable[[Transaction], Awaitable[Answer | FootfallError]],
    *,
    recorded: bool = False,
    line: Iterable[str] = (),
) -> Answer:
    """Act in one transaction of the caller, or return what the same request was answered before.

    `recorded` acts go into the audit log, and members may do them. Acts that write the same thing
    stand in `line` for it by its name. An act that fails and yet leaves something behind returns
    its error: it is raised after the commit, and is no answer that is kept.

    Repeats that overlap wait for the first. Raises RequestIdReused when the id came with other
    content or from somebody else: answers may hold what only the one who asked may see.
    """
    tenant = call.identity.recording_tenant if recorded else call.identity.tenant
    async with (
        database.in_line(tenant.org_id, line),
        database.tenant_transaction(tenant) as transaction,
    ):
        outcome = await _once(transaction.raw, call, request, answer_type, lambda: act(transaction))
    return _answered(outcome)


async def answer_once_in_pipeline(
    database: Database,
    call: Call,
    request: Repeatable,
    answer_type: type[Answer],
    act: Callable[[RawConnection], Awaitable[Answer | FootfallError]],
    *,
    line: Iterable[str] = (),
) -> Answer:
    """The same for acts whose round trips were measured to matter: see `pipelined_transaction`."""
    tenant = call.identity.tenant
    async with (
        database.in_line(tenant.org_id, line),
        database.pipelined_transaction(tenant) as raw,
    ):
        outcome = await _once(raw, call, request, answer_type, lambda: act(raw))
    return _answered(outcome)


async def _once(
    raw: RawConnection,
    call: Call,
    request: Repeatable,
    answer_type: type[Answer],
    act: Callable[[], Awaitable[Answer | FootfallError]],
) -> Answer | FootfallError:
    if not request.request_id:
        return await act()
    place = answers.Place(call.identity.org_id, call.method.path, UUID(request.request_id))
    content = _content(call, request)
    before = await answers.lock_answer(raw, place)
    if before is not None:
        if before[0] != content:
            raise RequestIdReused
        return answer_type.FromString(before[1])
    answer = await act()
    if not isinstance(answer, FootfallError):
        await answers.insert_answer(raw, place, content, answer.SerializeToString())
    return answer


def _answered(outcome: Answer | FootfallError) -> Answer:
    if isinstance(outcome, FootfallError):
        raise outcome
    return outcome


def _content(call: Call, request: Repeatable) -> bytes:
    """What makes two requests the same: who asks, and all but how the id is written."""
    sent, request.request_id = request.request_id, ""
    try:
        asked = request.SerializeToString(deterministic=True)
    finally:
        request.request_id = sent
    subject = hashlib.sha256(call.identity.subject.encode()).digest()
    return hashlib.sha256(subject + asked).digest()
