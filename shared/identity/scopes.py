"""Which scopes there are: those that the methods of the contract ask for."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor

from footfall.audit.v1 import audit_pb2
from footfall.events.v1 import event_ingest_pb2, event_types_pb2
from footfall.insights.v1 import insight_service_pb2
from footfall.journey.v1 import journey_service_pb2
from footfall.options.v1 import options_pb2
from footfall.pricing.v1 import approval_service_pb2, pricing_service_pb2

_CONTRACT: Iterable[FileDescriptor] = (
    event_ingest_pb2.DESCRIPTOR,
    event_types_pb2.DESCRIPTOR,
    insight_service_pb2.DESCRIPTOR,
    journey_service_pb2.DESCRIPTOR,
    pricing_service_pb2.DESCRIPTOR,
    approval_service_pb2.DESCRIPTOR,
    audit_pb2.DESCRIPTOR,
)


def services() -> list[ServiceDescriptor]:
    """The services of the contract."""
    return [service for file in _CONTRACT for service in file.services_by_name.values()]


def known_scopes() -> frozenset[str]:
    """Every scope that a credential can have."""
    return frozenset(
        str(method.GetOptions().Extensions[options_pb2.scope])
        for service in services()
        for method in service.methods
    )
