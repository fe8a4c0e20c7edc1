"""grpc-requests, which knows nothing but the address; a program of its own, for it warns a lot."""

import json
import sys
from typing import Any

from grpc_requests import Client

SERVICE = "footfall.events.v1.EventIngestService"
INSIGHT = "footfall.insights.v1.InsightService"


def main(address: str, key: str, insight_address: str) -> None:
    client, insight = (Client.get_by_endpoint(one) for one in (address, insight_address))
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
    }
    print(json.dumps(answers))


def _ask(client: Any, method: str, request: object, metadata: object) -> Any:
    return client.request(SERVICE, method, request, metadata=metadata)


main(*sys.argv[1:])
