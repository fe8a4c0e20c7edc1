"""Several callers of two processes at once: what is made first stands, and all see the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from tests.bargaining import Pricing, Seller, running_pricing
from tests.ingesting import at
from tests.organisations import Organisation, add_organisation
from tests.postgres import MigratedDatabase
from tests.selling import audited, get, money, subscribe, subscriptions, tier, upsert

CALLERS = 8


@pytest.fixture(scope="module")
def second(shared_database: MigratedDatabase) -> Iterator[Pricing]:
    """Another process on the same database: nobody stands in one line with the first's callers."""
    with running_pricing(shared_database) as running:
        yield running


@pytest.fixture
def sellers(pricing: Pricing, second: Pricing, acme: Organisation) -> list[Seller]:
    return [(pricing, second)[number % 2].seller(acme) for number in range(CALLERS)]


def at_once(act: Callable[[int], Any]) -> list[Any]:
    """What each was answered: the message, or the name of the code."""

    def answer(number: int) -> Any:
        try:
            return act(number)
        except grpc.RpcError as error:
            return error.code().name

    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(answer, range(CALLERS)))


def one_of(answers: Sequence[Any], others: str) -> Any:
    """The answer of the one who was served; the others were told this code."""
    [served] = [one for one in answers if not isinstance(one, str)]
    assert answers.count(others) == CALLERS - 1
    return served


@pytest.mark.parametrize("turn", range(3))
def test_one_first_price_stands(sellers: list[Seller], acme: Organisation, turn: int) -> None:
    """Each asks for another: one is the first, the others are told to ask for approval."""
    answers = at_once(lambda one: upsert(sellers[one], tier(price=money(one))))
    made = one_of(answers, "FAILED_PRECONDITION")
    assert made.created
    assert get(sellers[0]).tier == made.tier
    assert len(audited(acme)) == 1, turn


@pytest.mark.parametrize("turn", range(3))
def test_all_see_the_same_tier(sellers: list[Seller], turn: int) -> None:
    answers = at_once(lambda one: upsert(sellers[one], tier()))
    assert [one.created for one in answers].count(True) == 1, turn
    assert len({one.tier.etag for one in answers}) == 1


def test_each_change_counts(sellers: list[Seller], acme: Organisation) -> None:
    upsert(sellers[0], tier())
    answers = at_once(lambda one: upsert(sellers[one], tier(display_name=str(one))))
    assert len({one.tier.etag for one in answers}) == CALLERS
    last = max((one.tier for one in answers), key=lambda one: one.updated_at.ToNanoseconds())
    assert get(sellers[0]).tier == last
    assert [one[0] for one in audited(acme)] == ["tier.create", *["tier.update"] * CALLERS]


def test_one_etag_serves_once(sellers: list[Seller]) -> None:
    etag = upsert(sellers[0], tier()).tier.etag
    answers = at_once(lambda one: upsert(sellers[one], tier(display_name=str(one), etag=etag)))
    assert get(sellers[0]).tier == one_of(answers, "ABORTED").tier


@pytest.mark.parametrize("turn", range(3))
def test_one_subscription_is_made(sellers: list[Seller], acme: Organisation, turn: int) -> None:
    """Each for another client: it is of the first, and the others are told so."""
    upsert(sellers[0], tier())
    answers = at_once(lambda one: subscribe(sellers[one], client_id=f"c{one}"))
    made = one_of(answers, "FAILED_PRECONDITION")
    assert made.created
    assert subscriptions(sellers[0]) == [made.subscription]
    paid = acme.database.execute(
        "SELECT count(*) FROM app.subscription_prices WHERE org_id = %s", acme.org_id
    )
    assert paid == [(1,)], turn


def test_all_see_the_same_subscription(sellers: list[Seller]) -> None:
    upsert(sellers[0], tier())
    started_at = at(60)
    answers = at_once(lambda one: subscribe(sellers[one], started_at=started_at))
    assert [one.created for one in answers].count(True) == 1
    assert len({one.subscription.etag for one in answers}) == 1


def test_who_retires_a_tier_and_who_comes_to_it(sellers: list[Seller]) -> None:
    """Whoever came before it was retired is on it; nobody else is."""
    upsert(sellers[0], tier())

    def act(number: int) -> Any:
        if number == CALLERS // 2:
            return upsert(sellers[number], tier(retired=True))
        return subscribe(sellers[number], f"s{number}")

    answers = at_once(act)
    came = [one.subscription for one in answers if hasattr(one, "subscription")]
    assert answers.count("FAILED_PRECONDITION") == CALLERS - 1 - len(came)
    known = {one.subscription_id for one in subscriptions(sellers[0])}
    assert known == {one.subscription_id for one in came}


def test_organisations_do_not_meet(
    pricing: Pricing, second: Pricing, shared_database: MigratedDatabase
) -> None:
    """The same ids in each: every organisation has its own."""
    others = [add_organisation(shared_database, f"Org {number}") for number in range(CALLERS)]
    sellers = [(pricing, second)[n % 2].seller(other) for n, other in enumerate(others)]
    answers = at_once(lambda one: upsert(sellers[one], tier(price=money(one))))
    assert all(one.created for one in answers)
    assert [get(one).tier.price for one in sellers] == [money(one) for one in range(CALLERS)]
