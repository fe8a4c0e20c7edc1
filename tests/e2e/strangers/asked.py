"""grpc-requests, which knows nothing but the address; a program of its own, for it warns a lot."""

import json
import sys
from typing import Any

import grpc
from grpc_requests import Client

SERVICE = "footfall.events.v1.EventIngestService"
INSIGHT = "footfall.insights.v1.InsightService"
JOURNEY = "footfall.journey.v1.JourneyService"
PRICING = "footfall.pricing.v1.PricingService"
APPROVAL = "footfall.pricing.v1.ApprovalService"
AUDIT = "footfall.audit.v1.AuditService"


def main(address: str, key: str, *others: str) -> None:
    client = Client.get_by_endpoint(address)
    insight, journey, pricing = (Client.get_by_endpoint(one) for one in others[:3])
    metadata = [("authorization", f"Bearer {key}")]
    batches = [{"batch_number": n, "events": [{"type": "login"}]} for n in (1, 2, 3)]
    answers = {
        "health": client.request("grpc.health.v1.Health", "Check", {}),
        "one": _ask(client, "IngestEvent", {"event": {"type": "login"}}, metadata),
        "batch": _ask(
            client, "IngestEvents", {"events": [{"type": "login"}, {"type": "nope"}]}, metadata
        ),
        "list": _ask(client, "ListEvents", {"page_size": 10}, metadata),
        "stream": list(_ask(client, "StreamEvents", batches, metadata)),
        "insights": insight.request(INSIGHT, "GenerateInsights", {}, metadata=metadata),
        "settings": insight.request(INSIGHT, "GetDetectorSettings", {}, metadata=metadata),
        "journey": _followed(journey, metadata),
        "price": _priced(pricing, *others[3:]),
    }
    print(json.dumps(answers))


def _followed(journey: Any, metadata: object) -> Any:
    def ask(method: str, request: object) -> Any:
        return journey.request(JOURNEY, method, request, metadata=metadata)

    who = {"client_id": "py-1"}
    ask("UpsertClient", {"client": {**who, "name": "Northwind", "ai_score": 0}})
    events = (
        {**who, "event_type": "kick_off", "stage": "STAGE_ACTIVE_PROJECT"},
        {**who, "event_type": "invoice_overdue", "metadata": {"invoice_id": "17"}},
    )
    tracked = [ask("TrackJourneyEvent", {"event": event}) for event in events]
    recommended = ask("GetNextBestAction", who)
    came_of_it = {
        **who,
        "action": recommended["action"]["action"],
        "outcome": "OUTCOME_IGNORED",
        "decision_token": recommended["decision_token"],
    }
    return {
        "tracked": tracked,
        "next": recommended,
        "outcome": ask("RecordActionOutcome", came_of_it),
        "after": ask("GetNextBestAction", who),
    }


def _priced(pricing: Any, *keys: str) -> Any:
    ann, bob = ([("authorization", f"Bearer {key}")] for key in keys)
    price = {"currency_code": "EUR", "units": 49}
    tier = {"tier_id": "py", "price": price, "billing_period": "BILLING_PERIOD_MONTH"}
    pricing.request(PRICING, "UpsertTier", {"tier": tier}, metadata=ann)
    wish = {"tier_id": "py", "proposed_price": {**price, "units": 59}, "reason": "more is in it"}
    asked = pricing.request(APPROVAL, "RequestApproval", wish, metadata=ann)["approval"]
    decision = {"approval_id": asked["approval_id"], "etag": asked["etag"], "notes": "fine"}
    try:
        refused = pricing.request(APPROVAL, "ApprovePriceChange", decision, metadata=ann)
    except grpc.RpcError as error:
        trailing: Any = error.trailing_metadata()
        details = dict(trailing)["grpc-status-details-bin"]
        refused = [error.code().name, b"SELF_APPROVAL" in details]
    return {
        "asked": asked,
        "refused": refused,
        "agreed": pricing.request(APPROVAL, "ApprovePriceChange", decision, metadata=bob),
        "verified": pricing.request(AUDIT, "VerifyAuditLog", {}, metadata=bob),
    }


def _ask(client: Any, method: str, request: object, metadata: object) -> Any:
    return client.request(SERVICE, method, request, metadata=metadata)


main(*sys.argv[1:])
