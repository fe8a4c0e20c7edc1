"""Pages of changes fit into a message."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from services.pricing.changes import wire
from services.pricing.changes.rules.changes import Page
from tests.changing import a_change

ORG = UUID(int=1)


def changes(count: int, problem: str) -> Page:
    made = [
        replace(a_change(), price_change_id=UUID(int=one), problem=problem) for one in range(count)
    ]
    return Page(made, more=False)


def test_the_last_page_has_no_token() -> None:
    response, last = wire.to_list_price_changes(changes(3, ""), ORG)
    assert (len(response.price_changes), last) == (3, None)


def test_an_empty_page_has_none_either() -> None:
    assert wire.to_list_price_changes(Page([], more=False), ORG)[1] is None


def test_long_reasons_make_a_page_shorter_and_the_next_goes_on_there() -> None:
    page = changes(1000, "because " * 500)
    response, last = wire.to_list_price_changes(page, ORG)
    count = len(response.price_changes)
    assert 0 < count < 1000
    assert response.ByteSize() <= 3 * 1024 * 1024 + 64 * count
    assert last == [page.changes[count - 1].approved_at.isoformat(), str(UUID(int=count - 1))]
    after = wire.from_cursor(last)
    assert after is not None
    assert after.price_change_id == UUID(int=count - 1)
