"""A real pricing process and its worker on a database of the test's own, and callers of it."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import grpc

from footfall.audit.v1 import audit_pb2_grpc
from footfall.pricing.v1 import approval_service_pb2_grpc, pricing_service_pb2_grpc
from tests.ingesting import Ingest, free_port
from tests.organisations import MEMBERS, Organisation
from tests.postgres import MigratedDatabase
from tests.programs import Program, program

WORKER = "services.pricing.worker"


@dataclass
class Pricing(Ingest):
    """A running pricing service."""

    module: ClassVar[str] = "services.pricing"
    metrics_port: ClassVar[str] = "FOOTFALL_PRICING_METRICS_PORT"

    def seller(self, organisation: Organisation, subject: str = "backend", **key: Any) -> Seller:
        """Someone with an API key of the organisation, who is a member of it from now on.

        Their role is that of MEMBERS, and `admin` for others; `role` says else.
        """
        role = key.pop("role", None) or MEMBERS.get(subject, "admin")
        add_member(organisation, subject, role)
        return Seller(self.address, organisation.api_key(subject, role=role, **key), subject)


class Seller:
    """Someone who calls pricing."""

    def __init__(self, address: str, bearer: str, subject: str = "") -> None:
        self.channel = grpc.insecure_channel(address, (("grpc.enable_http_proxy", 0),))
        self.metadata = (("authorization", f"Bearer {bearer}"),)
        self.bearer, self.subject = bearer, subject
        self._stubs: tuple[Any, ...] = (
            pricing_service_pb2_grpc.PricingServiceStub(self.channel),
            approval_service_pb2_grpc.ApprovalServiceStub(self.channel),
            audit_pb2_grpc.AuditServiceStub(self.channel),
        )

    def call(self, method: str, request: Any, **options: Any) -> Any:
        """Call a method of any of the three services by its name; a stream for WatchApprovals."""
        stub = next(one for one in self._stubs if hasattr(one, method))
        return getattr(stub, method)(request, metadata=self.metadata, **{"timeout": 20, **options})


def add_member(organisation: Organisation, subject: str, role: str) -> None:
    """Make somebody a member, who stays what they are if they were one."""
    organisation.database.execute(
        "INSERT INTO app.members (org_id, subject, role, created_at) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (org_id, subject) DO NOTHING",
        organisation.org_id,
        subject,
        role,
        datetime.now(UTC),
    )


_MOMENTS = {
    "tiers": ("created_at", "updated_at"),
    "subscriptions": ("started_at", "ended_at"),
    "competitor_prices": ("observed_at", "recorded_at"),
    "price_suggestions": ("made_at",),
    "pricing_settings": ("changed_at",),
    "approvals": ("requested_at", "expires_at", "changed_at"),
    "approval_revisions": ("requested_effective_at", "made_at"),
    "approval_verdicts": ("decided_at",),
    "price_changes": ("approved_at", "effective_at", "applied_at", "ended_at"),
    "price_versions": ("valid_from", "valid_to", "reach_at"),
    "price_notices": ("delivered_at", "effective_at", "recorded_at"),
    "subscription_prices": ("valid_from",),
    "price_change_reviews": ("reviewed_at",),
}
"""Every moment that pricing keeps."""


def age(database: MigratedDatabase, org_id: UUID, **delta: float) -> None:
    """Let time pass for an organisation: `age(database, org_id, days=31)`.

    All moments that pricing keeps of it move back by so much, past every wall: functions of the
    database go by its clock. The hash of a request is kept, though it holds the time asked for.
    """
    seconds = timedelta(**delta).total_seconds()
    with database.connect() as connection, connection.transaction():
        for table, columns in _MOMENTS.items():
            moved = ", ".join(f"{one} = {one} - make_interval(secs => %(s)s)" for one in columns)
            connection.execute(
                f"UPDATE app.{table} SET {moved} WHERE org_id = %(org)s".encode(),
                {"s": seconds, "org": org_id},
            )


@contextmanager
def running_pricing(
    database: MigratedDatabase, log: Path = Path(os.devnull), **environment: str
) -> Iterator[Pricing]:
    """The service on this database, on free ports."""
    settings = {
        "FOOTFALL_DATA_DIR": str(database.data_dir.root),
        "FOOTFALL_PRICING_PORT": str(port := free_port()),
        "FOOTFALL_PRICING_METRICS_PORT": str(free_port()),
        "FOOTFALL_PRICING_DATABASE_URL": database.urls["footfall_pricing"],
        "FOOTFALL_LOG_LEVEL": "error",
        **environment,
    }
    pricing = Pricing(database, port, settings, log)
    pricing.start()
    try:
        yield pricing
    finally:
        if pricing.process.poll() is None:
            pricing.stop(signal.SIGKILL)


@asynccontextmanager
async def running_pricing_worker(
    database: MigratedDatabase, **environment: str
) -> AsyncIterator[Program]:
    """The worker on this database, once it works."""
    environ = {
        "FOOTFALL_DATA_DIR": str(database.data_dir.root),
        "FOOTFALL_PRICING_WORKER_METRICS_PORT": "0",
        "FOOTFALL_PRICING_DATABASE_URL": database.urls["footfall_pricing"],
        "FOOTFALL_MAINTENANCE_DATABASE_URL": database.urls["footfall_maintenance"],
        **environment,
    }
    async with program(WORKER, environ=environ) as running:
        await running.heard("working")
        yield running
