"""What a call leaves behind when it fails."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any, Never, cast

import pytest
from grpc import aio

from shared.errors import Overloaded
from shared.rpc.call import Call
from shared.rpc.chain import Chain, Concern
from shared.rpc.methods import Method


class Decoded:
    """A request whose end can be seen."""


class Context:
    """Keeps the error of an abort with its traceback, as grpc does until cycles are collected."""

    def __init__(self) -> None:
        self.kept: list[aio.AbortError] = []

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return ()

    async def abort(self, *_: object) -> Never:
        error = aio.AbortError("Locally aborted.")
        self.kept.append(error)
        raise error


@pytest.fixture
def no_collections() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


async def refuse(_request: object, _call: Call) -> object:
    raise Overloaded


async def refuse_stream(_request: object, call: Call) -> AsyncIterator[object]:
    await refuse(_request, call)
    yield b""


@pytest.mark.usefixtures("no_collections")
@pytest.mark.parametrize("streams_out", [False, True])
async def test_a_failed_call_lets_go_of_its_request(*, streams_out: bool) -> None:
    """At once: requests are large, and hundreds may fail between two collections."""
    seen: list[weakref.ref[Decoded]] = []

    def decode(_call: Call, _raw: object) -> Decoded:
        decoded = Decoded()
        seen.append(weakref.ref(decoded))
        return decoded

    handler = refuse_stream if streams_out else refuse
    method = SimpleNamespace(
        handler=handler, streams_in=False, streams_out=streams_out, streaming=streams_out
    )
    chain = Chain([lambda _: Concern(receive=decode)], asyncio.Event())
    composed: Any = chain.compose(cast("Method", method))
    run = composed.unary_stream if streams_out else composed.unary_unary
    context = Context()
    with pytest.raises(aio.AbortError):
        await run(b"", context)
    assert context.kept
    assert [one() for one in seen] == [None]
