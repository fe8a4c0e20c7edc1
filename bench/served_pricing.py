"""The pricing service with an RPC more: SELECT 1 in the message of GetTier."""

from __future__ import annotations

import sys

from bench import select_one
from footfall.pricing.v1 import pricing_service_pb2
from services.pricing import __main__ as pricing

if __name__ == "__main__":
    service = pricing_service_pb2.DESCRIPTOR.services_by_name["PricingService"]
    compared = service.methods_by_name["GetTier"]
    sys.exit(select_one.run(pricing, compared, lambda handlers: handlers._parts.database))
