"""The table of roles against the contract, and the order of roles."""

from __future__ import annotations

from itertools import product

import pytest

from footfall.audit.v1 import audit_pb2
from footfall.events.v1 import event_ingest_pb2, event_types_pb2
from footfall.insights.v1 import insight_service_pb2
from footfall.journey.v1 import journey_service_pb2
from footfall.pricing.v1 import approval_service_pb2, pricing_service_pb2
from shared.identity.identity import Role, weaker
from shared.identity.roles import PERMITTED, MethodWithoutRoles, permitted_roles, require_roles

CONTRACT = {
    f"/{service.full_name}/{method.name}"
    for file in (
        event_ingest_pb2,
        event_types_pb2,
        insight_service_pb2,
        journey_service_pb2,
        pricing_service_pb2,
        approval_service_pb2,
        audit_pb2,
    )
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}

NOT_FOR_MEMBERS = (
    "/ReplayRejectedEvents",
    "/CreateEventType",
    "/UpdateEventType",
    "/DeprecateEventType",
    *(
        f"footfall.insights.v1.InsightService/{method}"
        for method in (
            "GenerateInsights", "ListInsights", "GetInsight", "AcknowledgeInsight",
            "ResolveInsight", "DismissInsight", "WatchInsights", "BacktestDetectors",
            "GetConciergeContext", "PublishToConcierge", "PublishToTierManager",
            "ListFeedDeliveries", "GetClientSignals", "ListClientSignals", "GetDetectorSettings",
            "UpdateDetectorSettings",
        )
    ),
    "/UpdateJourneySettings",
    *(
        method
        for method in CONTRACT
        if method.startswith(("/footfall.pricing.", "/footfall.audit."))
    ),
)  # fmt: skip
NOT_FOR_SERVICES = (
    "/UpdateDetectorSettings",
    "/UpdateJourneySettings",
    "/UpdatePricingSettings",
    "/ApprovePriceChange",
    "/RejectPriceChange",
    "/RequestChanges",
    "/CancelPriceChange",
    "/ListAuditEntries",
    "/VerifyAuditLog",
)


def test_the_table_holds_the_methods_of_the_contract_and_no_others() -> None:
    assert PERMITTED.keys() == CONTRACT
    require_roles(CONTRACT)


def test_a_method_that_is_not_in_the_table_stops_the_start() -> None:
    with pytest.raises(MethodWithoutRoles, match=r"/footfall\.x\.v1\.X/Do .*roles\.py"):
        require_roles(["/footfall.x.v1.X/Do"])


@pytest.mark.parametrize("path", sorted(CONTRACT))
def test_38_members_neither_replay_nor_change_types(path: str) -> None:
    """Test 38, with the methods that exist: who may only use cannot administrate."""
    assert (Role.MEMBER in permitted_roles(path)) is not path.endswith(NOT_FOR_MEMBERS)
    assert permitted_roles(path) >= {Role.OWNER, Role.ADMIN}
    assert (Role.SERVICE in permitted_roles(path)) is not path.endswith(NOT_FOR_SERVICES)


@pytest.mark.parametrize(("one", "other"), list(product(Role, Role)))
def test_the_weaker_of_two_roles_does_not_depend_on_their_order(one: Role, other: Role) -> None:
    assert weaker(one, other) is weaker(other, one)
    assert weaker(one, other) in {one, other}


def test_a_service_never_decides_and_a_member_never_sees_all() -> None:
    assert weaker(Role.OWNER, Role.SERVICE) is Role.SERVICE
    assert weaker(Role.ADMIN, Role.OWNER) is Role.ADMIN
    assert weaker(Role.SERVICE, Role.MEMBER) is Role.MEMBER
