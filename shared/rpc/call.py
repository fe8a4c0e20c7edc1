"""One call in hand: what the chain learnt about it and what a handler may ask."""

from __future__ import annotations

import asyncio
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import grpc.aio

    from shared.errors import FootfallError
    from shared.identity.credentials import Credential, Metadata
    from shared.identity.identity import Identity
    from shared.rpc.methods import Method

current_call: ContextVar[Call | None] = ContextVar("current_call", default=None)
"""The call that this task works for: clients pass its deadline and ids on, logs name it."""


@dataclass(slots=True, eq=False)
class Call:
    """One call; `identity` is there once the credential was accepted, so in every handler."""

    method: Method
    context: grpc.aio.ServicerContext[Any, Any]
    server_stopping: asyncio.Event
    """Set when the service stops: a stream then ends in an orderly way, within seconds."""
    metadata: Metadata
    task: asyncio.Task[Any]
    started: float = field(default_factory=time.monotonic)
    request_id: str = ""
    deadline: float | None = None
    """When the caller stops waiting, by `time.monotonic()`."""
    credential: Credential | None = None
    ended_by: FootfallError | None = None
    span: Any = None

    @property
    def identity(self) -> Identity:
        """Who calls. Open methods have no caller and must not ask."""
        if self.credential is None:
            raise LookupError(f"{self.method.path} is served without a credential")
        return self.credential.identity

    @property
    def org(self) -> str | None:
        """The organisation for logs, None before it is known."""
        return str(self.credential.identity.org_id) if self.credential else None

    @property
    def peer(self) -> str:
        """The address of the caller, or of the proxy before it."""
        return self.context.peer() or ""

    def text(self, name: str) -> str | None:
        """A metadata value that is text (binary ones end in `-bin`)."""
        value = self.metadata.get(name)
        return value if isinstance(value, str) else None

    def remaining(self) -> float | None:
        """Seconds until the deadline, never negative; None when there is none."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def end(self, error: FootfallError) -> None:
        """Stop the handler from outside; the caller gets `error`."""
        if self.ended_by is None:
            self.ended_by = error
            self.task.cancel()
