"""The insight service with an RPC more: SELECT 1 in the message of GetBehaviourProfile."""

from __future__ import annotations

import sys

from bench import select_one
from footfall.insights.v1 import insight_service_pb2
from services.insight import __main__ as insight

if __name__ == "__main__":
    service = insight_service_pb2.DESCRIPTOR.services_by_name["InsightService"]
    compared = service.methods_by_name["GetBehaviourProfile"]
    sys.exit(select_one.run(insight, compared, lambda handlers: handlers._database))
