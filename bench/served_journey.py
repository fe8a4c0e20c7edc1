"""The journey service with an RPC more: SELECT 1 in the message of GetNextBestAction."""

from __future__ import annotations

import sys

from bench import select_one
from footfall.journey.v1 import journey_service_pb2
from services.journey import __main__ as journey

if __name__ == "__main__":
    service = journey_service_pb2.DESCRIPTOR.services_by_name["JourneyService"]
    compared = service.methods_by_name["GetNextBestAction"]
    sys.exit(select_one.run(journey, compared, lambda handlers: handlers._parts.database))
