"""GetPricingSettings and UpdatePricingSettings: the promises of evidence.proto, one by one."""

from __future__ import annotations

import math
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.type.money_pb2 import Money

from footfall.pricing.v1 import evidence_pb2 as pb
from tests.bargaining import Pricing, Seller
from tests.ingesting import Refused, refusal
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase

EURO = Money(currency_code="EUR", units=1)


@pytest.fixture
def olga(pricing: Pricing, acme: Organisation) -> Seller:
    """The owner of Acme."""
    return pricing.seller(acme, "olga")


def current(seller: Seller, version: int = 0) -> pb.PricingSettings:
    request = pb.GetPricingSettingsRequest(version=version)
    settings: pb.PricingSettings = seller.call("GetPricingSettings", request).settings
    return settings


def send(seller: Seller, settings: pb.PricingSettings, request_id: str = "") -> pb.PricingSettings:
    request = pb.UpdatePricingSettingsRequest(request_id=request_id, settings=settings)
    made: pb.PricingSettings = seller.call("UpdatePricingSettings", request).settings
    return made


def update(seller: Seller, **fields: Any) -> pb.PricingSettings:
    return send(seller, pb.PricingSettings(**{"etag": current(seller).etag, **fields}))


def refused(act: Any, *arguments: Any, **fields: Any) -> Refused:
    with pytest.raises(grpc.RpcError) as failure:
        act(*arguments, **fields)
    return refusal(failure.value)


def test_the_defaults_are_those_of_the_contract(robot: Seller) -> None:
    found = current(robot)
    assert found == pb.PricingSettings(
        etag=found.etag,
        max_step_percent=25,
        max_year_percent=50,
        max_above_competitors_percent=50,
        max_below_competitors_percent=50,
        min_confidence=0.8,
    )


def test_a_change_makes_a_version_and_what_is_absent_stays(olga: Seller) -> None:
    first = update(olga, max_step_percent=12.5, rounding=EURO)
    second = update(olga, max_above_competitors_percent=0)
    assert [first.version, second.version] == [1, 2]
    assert second == pb.PricingSettings(
        version=2,
        etag=second.etag,
        changed_by="olga",
        changed_at=second.changed_at,
        max_step_percent=12.5,
        max_year_percent=50,
        max_above_competitors_percent=0,
        max_below_competitors_percent=50,
        min_confidence=0.8,
        rounding=EURO,
    )
    assert [current(olga, 1), current(olga, 2), current(olga)] == [first, second, second]


def test_what_was_read_can_be_sent_back_and_makes_no_version(olga: Seller) -> None:
    first = update(olga, min_confidence=0.9, rounding=EURO)
    assert send(olga, first) == first


def test_a_version_that_is_not_there_is_not_found(olga: Seller) -> None:
    found = refused(current, olga, 1)
    told = {"resource": "pricing_settings"}
    assert (found.code, found.metadata) == (grpc.StatusCode.NOT_FOUND, told)


def test_an_etag_is_needed_and_must_be_the_current_one(
    pricing: Pricing, olga: Seller, globex: Organisation
) -> None:
    found = refused(send, olga, pb.PricingSettings(min_confidence=0.9))
    assert found.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(found.violations) == {"settings.etag"}
    before = current(olga)
    update(olga, min_confidence=0.9)
    for seller in (olga, pricing.seller(globex, "olga")):
        found = refused(update, seller, etag=before.etag, min_confidence=0.7)
        assert (found.code, found.reason) == (grpc.StatusCode.ABORTED, "STALE_ETAG")
    assert current(olga).min_confidence == 0.9


def test_of_many_who_change_the_same_at_once_one_is_heard(
    pricing: Pricing, acme: Organisation
) -> None:
    sellers = [pricing.seller(acme, subject) for subject in ("olga", "adam")] * 3
    etag = current(sellers[0]).etag

    def change(seller: Seller) -> grpc.StatusCode | None:
        try:
            update(seller, etag=etag, min_confidence=0.9)
        except grpc.RpcError as error:
            return refusal(error).code
        return None

    with ThreadPoolExecutor(len(sellers)) as pool:
        answers = list(pool.map(change, sellers))
    assert answers.count(None) == 1
    assert answers.count(grpc.StatusCode.ABORTED) == len(sellers) - 1
    assert current(sellers[0]).version == 1


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("settings.max_step_percent", {"max_step_percent": 0}),
        ("settings.max_step_percent", {"max_step_percent": math.nan}),
        ("settings.max_step_percent", {"max_step_percent": 50.5}),
        ("settings.max_year_percent", {"max_year_percent": 24.5}),
        ("settings.max_step_percent", {"max_step_percent": 30, "max_year_percent": 20}),
        ("settings.max_below_competitors_percent", {"max_below_competitors_percent": 101}),
        ("settings.max_above_competitors_percent", {"max_above_competitors_percent": -1}),
        ("settings.min_confidence", {"min_confidence": 1}),
        ("settings.min_confidence", {"min_confidence": 0.4}),
        ("settings.rounding", {"rounding": {"currency_code": "EUR"}}),
        ("settings.rounding", {"rounding": {"currency_code": "EUR", "units": -1}}),
        ("settings.rounding.nanos", {"rounding": {"currency_code": "JPY", "nanos": 500_000_000}}),
        ("settings.rounding.currency_code", {"rounding": {"units": 1}}),
        ("settings.version", {"version": 7}),
        ("settings.changed_by", {"changed_by": "somebody"}),
        ("settings.changed_at", {"changed_at": {"seconds": 1}}),
        ("settings.changed_at", {"changed_at": {"nanos": -1}}),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_field(
    olga: Seller, field: str, fields: dict[str, Any]
) -> None:
    found = refused(update, olga, **fields)
    assert found.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(found.violations) == {field}
    assert current(olga).version == 0


def test_a_repeat_gets_the_first_answer(olga: Seller) -> None:
    request_id, etag = str(uuid.uuid4()), current(olga).etag
    wanted = pb.PricingSettings(etag=etag, min_confidence=0.9)
    first = send(olga, wanted, request_id)
    assert send(olga, wanted, request_id) == first
    assert current(olga).version == 1
    wanted.min_confidence = 0.7
    found = refused(send, olga, wanted, request_id)
    assert (found.code, found.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")


def test_owners_and_admins_change_and_backends_only_read(
    pricing: Pricing, acme: Organisation, robot: Seller
) -> None:
    assert refused(update, robot, min_confidence=0.9).code is grpc.StatusCode.PERMISSION_DENIED
    mia = pricing.seller(acme, "mia")
    assert refused(current, mia).code is grpc.StatusCode.PERMISSION_DENIED
    assert update(pricing.seller(acme, "adam"), min_confidence=0.9).changed_by == "adam"
    assert current(robot).min_confidence == 0.9


def test_a_change_is_audited_with_what_it_changed(
    shared_database: MigratedDatabase, acme: Organisation, olga: Seller
) -> None:
    update(olga, max_step_percent=10, rounding=EURO, min_confidence=0.8)
    refused(update, olga, max_step_percent=99)
    entries = shared_database.execute(
        "SELECT action, target, actor, actor_role, details FROM app.audit_entries"
        " WHERE org_id = %s AND action LIKE 'pricing_settings.%%'",
        acme.org_id,
    )
    changed = {
        "max_step_percent": [25, 10],
        "rounding_minor": [None, 100],
        "rounding_currency": ["", "EUR"],
    }
    details = {"version": 1, "changed": changed}
    assert entries == [("pricing_settings.update", "1", "olga", "owner", details)]
