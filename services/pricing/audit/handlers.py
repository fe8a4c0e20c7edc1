"""ListAuditEntries and VerifyAuditLog."""

from __future__ import annotations

from footfall.audit.v1 import audit_pb2 as pb
from services.pricing.audit import usecases, wire
from services.pricing.parts import Parts
from shared.rpc.call import Call
from shared.rpc.page_token import page_size


class AuditHandlers:
    """The RPCs on the audit log."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def ListAuditEntries(
        self, request: pb.ListAuditEntriesRequest, call: Call
    ) -> pb.ListAuditEntriesResponse:
        where, size = wire.from_list_audit_entries(request), page_size(request.page_size)
        before = wire.from_cursor(self._parts.tokens.open(call, request, request.page_token))
        page = await usecases.list_audit_entries(
            self._parts.database, call.identity.tenant, where, before=before, size=size
        )
        response, next_before = wire.to_list_audit_entries(page)
        if next_before is not None:
            response.next_page_token = self._parts.tokens.seal(call, request, (next_before,))
        return response

    async def VerifyAuditLog(
        self, _: pb.VerifyAuditLogRequest, call: Call
    ) -> pb.VerifyAuditLogResponse:
        verdict = await usecases.verify_audit_log(
            self._parts.database, call.identity.tenant, self._parts.anchors
        )
        return wire.to_verify_audit_log(verdict)
