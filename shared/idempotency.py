"""Calls that may be repeated: the first answer to a `request_id` is the answer, for 24 hours.

The answer is kept in the transaction of what it answers, so there is never one without the other.
Upkeep deletes it when its time is over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Protocol, TypeVar
from uuid import UUID

from google.protobuf.message import Message
from sqlalchemy import func, insert, select

from shared.database import Database, Transaction
from shared.errors import RequestIdReused
from shared.rpc.call import Call
from shared.schema.events import request_answers

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
    act: Callable[[Transaction], Awaitable[Answer]],
    *,
    recorded: bool = False,
    line: Iterable[str] = (),
) -> Answer:
    """Act in one transaction of the caller, or return what the same request was answered before.

    `recorded` acts go into the audit log, and members may do them. Acts that write the same thing
    stand in `line` for it by its name.

    Repeats that overlap wait for the first. Raises RequestIdReused when the id came with other
    content or from somebody else: answers may hold what only the one who asked may see.
    """
    tenant = call.identity.recording_tenant if recorded else call.identity.tenant
    async with (
        database.in_line(tenant.org_id, line),
        database.tenant_transaction(tenant) as transaction,
    ):
        if not request.request_id:
            return await act(transaction)
        place = (call.identity.org_id, call.method.path, UUID(request.request_id))
        content = _content(call, request)
        before = await _select_answer(transaction, place)
        if before is not None:
            if before[0] != content:
                raise RequestIdReused
            return answer_type.FromString(before[1])
        answer = await act(transaction)
        await _insert_answer(transaction, place, content, answer)
        return answer


_Place = tuple[UUID, str, UUID]


def _content(call: Call, request: Repeatable) -> bytes:
    """What makes two requests the same: who asks, and all but how the id is written."""
    sent, request.request_id = request.request_id, ""
    try:
        asked = request.SerializeToString(deterministic=True)
    finally:
        request.request_id = sent
    subject = hashlib.sha256(call.identity.subject.encode()).digest()
    return hashlib.sha256(subject + asked).digest()


async def _select_answer(transaction: Transaction, place: _Place) -> tuple[bytes, bytes] | None:
    """The hash and the answer kept under this id, which nobody else works on from here on."""
    key = func.hashtextextended("request:{}:{}:{}".format(*place), 0)
    await transaction.connection.execute(select(func.pg_advisory_xact_lock(key)))
    a, (org_id, method, request_id) = request_answers.c, place
    query = select(a.content_hash, a.answer).where(
        a.org_id == org_id, a.method == method, a.request_id == request_id
    )
    row = (await transaction.connection.execute(query)).one_or_none()
    return None if row is None else (bytes(row[0]), bytes(row[1]))


async def _insert_answer(
    transaction: Transaction, place: _Place, content: bytes, answer: Message
) -> None:
    org_id, method, request_id = place
    await transaction.connection.execute(
        insert(request_answers).values(
            org_id=org_id,
            method=method,
            request_id=request_id,
            content_hash=content,
            answer=answer.SerializeToString(),
            answered_at=datetime.now(UTC),
        )
    )
