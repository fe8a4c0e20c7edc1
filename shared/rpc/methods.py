"""What the protos say about each method, read once at start-up.

A service registers by its descriptor: the names, types and options of the contract are the only
list there is. What the contract leaves out (a scope, a role, a handler) stops the start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from google.protobuf import message_factory

from footfall.options.v1 import options_pb2
from shared.refusal import StartRefused

if TYPE_CHECKING:
    from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
    from google.protobuf.message import Message

    from shared.identity.identity import Role

Permissions = Mapping[str, frozenset["Role"]]
"""Who may call each method, by its path."""


class MethodIncomplete(StartRefused):
    """A method of the contract lacks what it needs to be served."""


@dataclass(frozen=True, slots=True)
class Area:
    """The handlers of one proto service.

    `self_validating` methods check the rules of their fields themselves, in one validator call per
    request, because a bad item must not sink its batch.
    """

    service: ServiceDescriptor
    handlers: object
    self_validating: frozenset[str] | set[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Method:
    """One method as the chain sees it."""

    path: str
    """`/package.Service/Method`, as on the wire."""
    service: str
    name: str
    scope: str
    roles: frozenset[Role]
    streams_in: bool
    streams_out: bool
    request_type: type[Message]
    handler: Callable[..., Any]
    open: bool
    """Served without a credential, before the database is there: health and reflection."""
    self_validating: bool

    @property
    def streaming(self) -> bool:
        """Whether it may live longer than one answer."""
        return self.streams_out


def methods(area: Area, permitted: Permissions | None) -> Iterator[Method]:
    """The methods of an area, or a refusal that names what is missing; no table: an open area."""
    unknown = set(area.self_validating) - {method.name for method in area.service.methods}
    if unknown:
        raise MethodIncomplete(f"{area.service.full_name} has no method {', '.join(unknown)}.")
    for descriptor in area.service.methods:
        yield _method(area, descriptor, permitted)


def _method(area: Area, descriptor: MethodDescriptor, permitted: Permissions | None) -> Method:
    path = f"/{area.service.full_name}/{descriptor.name}"
    handler = getattr(area.handlers, descriptor.name, None)
    if handler is None:
        raise MethodIncomplete(
            f"{path} has no handler. Write {type(area.handlers).__name__}.{descriptor.name}."
        )
    if descriptor.client_streaming and not descriptor.server_streaming:
        raise MethodIncomplete(
            f"{path} streams in only. Answer each message, as StreamEvents does."
        )
    scope = str(descriptor.GetOptions().Extensions[options_pb2.scope])
    roles = permitted.get(path, frozenset()) if permitted is not None else frozenset()
    if permitted is not None and not scope:
        raise MethodIncomplete(f"{path} has no scope. Give it one in its proto.")
    if permitted is not None and not roles:
        raise MethodIncomplete(f"{path} has no roles. Give it a line in shared/identity/roles.py.")
    return Method(
        path=path,
        service=area.service.full_name,
        name=descriptor.name,
        scope=scope,
        roles=roles,
        streams_in=descriptor.client_streaming,
        streams_out=descriptor.server_streaming,
        request_type=message_factory.GetMessageClass(descriptor.input_type),
        handler=handler,
        open=permitted is None,
        self_validating=descriptor.name in area.self_validating,
    )
