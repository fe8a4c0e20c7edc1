"""No action without its entry: when the log takes none, nothing is done in any service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from footfall.events.v1 import event_types_pb2
from footfall.insights.v1 import settings_pb2
from footfall.journey.v1 import settings_pb2 as journey_pb2
from footfall.pricing.v1 import price_pb2
from tests.bargaining import running_pricing
from tests.ingesting import running_ingest
from tests.insighting import running_insight
from tests.journeying import running_journey
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase

Act = Callable[[], object]


@contextmanager
def event_ingest(acme: Organisation) -> Iterator[Act]:
    with running_ingest(acme.database) as service:
        one = event_types_pb2.EventType(name="signup")
        request = event_types_pb2.CreateEventTypeRequest(event_type=one)
        yield lambda: service.caller(acme, "olga").call("CreateEventType", request)


@contextmanager
def insight(acme: Organisation) -> Iterator[Act]:
    with running_insight(acme.database) as service:
        wanted = settings_pb2.DetectorSettings(stuck_count=7)
        request = settings_pb2.UpdateDetectorSettingsRequest(settings=wanted)
        yield lambda: service.asker(acme, "olga").call("UpdateDetectorSettings", request)


@contextmanager
def journey(acme: Organisation) -> Iterator[Act]:
    with running_journey(acme.database) as service:
        wanted = journey_pb2.JourneySettings(cooldown_days=7)
        request = journey_pb2.UpdateJourneySettingsRequest(settings=wanted)
        yield lambda: service.traveller(acme, "olga").call("UpdateJourneySettings", request)


@contextmanager
def pricing(acme: Organisation) -> Iterator[Act]:
    with running_pricing(acme.database) as service:
        tier = price_pb2.Tier(
            tier_id="pro",
            price={"currency_code": "EUR", "units": 49},  # type: ignore[arg-type]
            billing_period=price_pb2.BILLING_PERIOD_MONTH,
        )
        request = price_pb2.UpsertTierRequest(tier=tier)
        yield lambda: service.seller(acme, "olga").call("UpsertTier", request)


@pytest.mark.parametrize(
    ("service", "tables"),
    [
        (event_ingest, ["event_types"]),
        (insight, ["detector_settings"]),
        (journey, ["journey_settings"]),
        (pricing, ["tiers", "price_versions"]),
    ],
    ids=["event_ingest", "insight", "journey", "pricing"],
)
def test_an_act_that_cannot_be_recorded_is_not_done(
    database: MigratedDatabase, organisation: Organisation, service: Any, tables: list[str]
) -> None:
    tables = [*tables, "audit_entries"]
    login = f"footfall_{service.__name__}"
    with service(organisation) as act:
        database.execute(f"REVOKE INSERT ON app.audit_entries FROM {login}")
        before = counts(database, tables)
        with pytest.raises(grpc.RpcError) as refused:
            act()
        assert refused.value.code() is grpc.StatusCode.INTERNAL
        assert "audit" not in str(refused.value.details())
        assert counts(database, tables) == before
        database.execute(f"GRANT INSERT ON app.audit_entries TO {login}")
        act()
        assert all(after > was for after, was in zip(counts(database, tables), before, strict=True))


def counts(database: MigratedDatabase, tables: list[str]) -> list[int]:
    return [database.execute(f"SELECT count(*) FROM app.{table}")[0][0] for table in tables]
