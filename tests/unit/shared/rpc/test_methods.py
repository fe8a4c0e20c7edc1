"""A service that is not complete refuses to start, and says what is missing."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor

from shared.identity.identity import Role
from shared.rpc.methods import Area, MethodIncomplete, methods
from tests.serving import INGEST, Unused

ROLES = frozenset({Role.OWNER})


def _service(*, client_streaming: bool = False) -> ServiceDescriptor:
    """A service whose one method has no scope."""
    file = descriptor_pb2.FileDescriptorProto(name="bare.proto", package="bare", syntax="proto3")
    file.message_type.add(name="Empty")
    file.service.add(name="Bare").method.add(
        name="Do",
        input_type=".bare.Empty",
        output_type=".bare.Empty",
        client_streaming=client_streaming,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool.FindServiceByName("bare.Bare")


def test_a_method_without_a_scope_is_refused() -> None:
    with pytest.raises(MethodIncomplete, match=r"/bare\.Bare/Do has no scope"):
        list(methods(Area(_service(), Unused()), {"/bare.Bare/Do": ROLES}))


def test_a_method_without_roles_is_refused() -> None:
    with pytest.raises(MethodIncomplete, match=r"IngestEvent has no roles.*identity/roles"):
        list(methods(Area(INGEST, Unused()), {}))


def test_a_method_without_a_handler_is_refused() -> None:
    with pytest.raises(MethodIncomplete, match=r"IngestEvent has no handler. Write object"):
        list(methods(Area(INGEST, object()), {}))


def test_a_method_that_streams_in_only_is_refused() -> None:
    with pytest.raises(MethodIncomplete, match="streams in only"):
        list(methods(Area(_service(client_streaming=True), Unused()), None))


def test_a_self_validating_method_must_exist() -> None:
    with pytest.raises(MethodIncomplete, match="has no method IngestEvnt"):
        list(methods(Area(INGEST, Unused(), {"IngestEvnt"}), {}))


def test_open_areas_need_neither() -> None:
    found = list(methods(Area(_service(), Unused()), None))
    assert [(one.path, one.open) for one in found] == [("/bare.Bare/Do", True)]
