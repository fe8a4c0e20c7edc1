"""The table of who may call what: one line per RPC. A method that is not here does not start.

It says who may call at all. Which rows a caller then sees is the business of row-level security:
members read and write their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shared.identity.identity import Role
from shared.refusal import StartRefused

_EVERYONE = frozenset(Role)
_ADMINISTRATORS = frozenset({Role.OWNER, Role.ADMIN})
_NOT_MEMBERS = frozenset({Role.OWNER, Role.ADMIN, Role.SERVICE})

_BY_SERVICE: Mapping[str, Mapping[str, frozenset[Role]]] = {
    "footfall.events.v1.EventIngestService": {
        "IngestEvent": _EVERYONE,
        "IngestEvents": _EVERYONE,
        "StreamEvents": _EVERYONE,
        "TailEvents": _EVERYONE,
        "ListEvents": _EVERYONE,
        "GetSession": _EVERYONE,
        "ListSessions": _EVERYONE,
        "ListRejectedEvents": _EVERYONE,
        "ReplayRejectedEvents": _NOT_MEMBERS,
    },
    "footfall.events.v1.EventTypeService": {
        "CreateEventType": _NOT_MEMBERS,
        "GetEventType": _EVERYONE,
        "ListEventTypes": _EVERYONE,
        "UpdateEventType": _NOT_MEMBERS,
        "DeprecateEventType": _NOT_MEMBERS,
    },
    "footfall.insights.v1.InsightService": {
        "GenerateInsights": _NOT_MEMBERS,
        "ListInsights": _NOT_MEMBERS,
        "GetInsight": _NOT_MEMBERS,
        "AcknowledgeInsight": _NOT_MEMBERS,
        "ResolveInsight": _NOT_MEMBERS,
        "DismissInsight": _NOT_MEMBERS,
        "WatchInsights": _NOT_MEMBERS,
        "BacktestDetectors": _NOT_MEMBERS,
        "GetBehaviourProfile": _EVERYONE,
        "ListBehaviourProfiles": _EVERYONE,
        "RecordCustomerAction": _EVERYONE,
        "ListCustomerActions": _EVERYONE,
        "GetConciergeContext": _NOT_MEMBERS,
        "PublishToConcierge": _NOT_MEMBERS,
        "PublishToTierManager": _NOT_MEMBERS,
        "ListFeedDeliveries": _NOT_MEMBERS,
        "GetClientSignals": _NOT_MEMBERS,
        "ListClientSignals": _NOT_MEMBERS,
        "GetDetectorSettings": _NOT_MEMBERS,
        "UpdateDetectorSettings": _ADMINISTRATORS,
    },
    "footfall.journey.v1.JourneyService": {
        "UpsertClient": _EVERYONE,
        "GetClient": _EVERYONE,
        "ListClients": _EVERYONE,
        "DeleteClient": _EVERYONE,
        "TrackJourneyEvent": _EVERYONE,
        "TrackJourneyEvents": _EVERYONE,
        "GetClientJourney": _EVERYONE,
        "CalculateJourneyScore": _EVERYONE,
        "GetNextBestAction": _EVERYONE,
        "RecordActionOutcome": _EVERYONE,
        "GetActionReport": _EVERYONE,
        "ListHighRiskClients": _EVERYONE,
        "ListUpsellCandidates": _EVERYONE,
        "GetStageFunnel": _EVERYONE,
        "PredictStage": _EVERYONE,
        "WatchJourneys": _EVERYONE,
        "GetJourneySettings": _EVERYONE,
        "UpdateJourneySettings": _ADMINISTRATORS,
    },
    "footfall.pricing.v1.PricingService": {
        "UpsertTier": _NOT_MEMBERS,
        "GetTier": _NOT_MEMBERS,
        "ListTiers": _NOT_MEMBERS,
        "UpsertSubscription": _NOT_MEMBERS,
        "ListSubscriptions": _NOT_MEMBERS,
        "RecordCompetitorPrice": _NOT_MEMBERS,
        "ListCompetitorPrices": _NOT_MEMBERS,
        "EstimateElasticity": _NOT_MEMBERS,
        "PredictDemand": _NOT_MEMBERS,
        "SuggestPrice": _NOT_MEMBERS,
        "GetPricingSettings": _NOT_MEMBERS,
        "UpdatePricingSettings": _ADMINISTRATORS,
    },
    "footfall.pricing.v1.ApprovalService": {
        "RequestApproval": _NOT_MEMBERS,
        "ReviseApproval": _NOT_MEMBERS,
        "GetApproval": _NOT_MEMBERS,
        "ListApprovals": _NOT_MEMBERS,
        "WatchApprovals": _NOT_MEMBERS,
        "ApprovePriceChange": _ADMINISTRATORS,
        "RejectPriceChange": _ADMINISTRATORS,
        "RequestChanges": _ADMINISTRATORS,
        "WithdrawApproval": _NOT_MEMBERS,
        "ListPriceChanges": _NOT_MEMBERS,
        "CancelPriceChange": _ADMINISTRATORS,
        "RollBackPriceChange": _NOT_MEMBERS,
        "RecordNoticeDelivered": _NOT_MEMBERS,
    },
    "footfall.audit.v1.AuditService": {
        "ListAuditEntries": _ADMINISTRATORS,
        "VerifyAuditLog": _ADMINISTRATORS,
    },
}

PERMITTED: Mapping[str, frozenset[Role]] = {
    f"/{service}/{method}": roles
    for service, methods in _BY_SERVICE.items()
    for method, roles in methods.items()
}
"""Who may call each RPC, by the path that it has on the wire."""


class MethodWithoutRoles(StartRefused):
    """A method is served that the table of roles does not know."""


def permitted_roles(path: str) -> frozenset[Role]:
    """Who may call the method of that path (`/package.Service/Method`); unknown is refused."""
    try:
        return PERMITTED[path]
    except KeyError:
        raise MethodWithoutRoles(
            f"{path} is served, and nobody is permitted to call it. "
            "Give it a line in shared/identity/roles.py."
        ) from None


def require_roles(paths: Iterable[str]) -> None:
    """Refuse to start while one of the methods is missing from the table."""
    for path in paths:
        permitted_roles(path)
