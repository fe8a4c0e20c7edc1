"""The pricing service with an RPC more: one durable row, in the message of RequestApproval."""

from __future__ import annotations

import sys

from bench import select_one
from footfall.pricing.v1 import approval_service_pb2
from services.pricing import __main__ as pricing

# The smallest row that pricing keeps: two columns beside its key, and no other index.
_INSERT = """
INSERT INTO app.approval_changes (org_id, approval_ids) VALUES (app.current_org(), '{}')
"""

if __name__ == "__main__":
    service = approval_service_pb2.DESCRIPTOR.services_by_name["ApprovalService"]
    compared = service.methods_by_name["RequestApproval"]
    sys.exit(select_one.run(pricing, compared, lambda handlers: handlers._parts.database, _INSERT))
