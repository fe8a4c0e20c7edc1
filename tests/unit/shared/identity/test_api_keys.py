"""The form of API keys, and what of them is kept."""

from __future__ import annotations

import re

import pytest

from shared.identity.api_keys import new_api_key, read_api_key


def test_a_key_is_read_as_it_was_made() -> None:
    key = new_api_key()
    assert re.fullmatch(r"ff_[0-9A-Za-z]{16}_[0-9A-Za-z]{43}", key.text)
    assert read_api_key(key.text) == key


def test_no_two_keys_are_alike() -> None:
    keys = [new_api_key() for _ in range(1_000)]
    assert len({key.key_id for key in keys}) == len({key.secret for key in keys}) == 1_000


def test_a_key_opens_its_own_hash_alone() -> None:
    key, other = new_api_key(), new_api_key()
    assert key.opens(key.secret_hash)
    assert not key.opens(other.secret_hash)
    assert not key.opens(b"")


def test_the_secret_stands_neither_in_the_hash_nor_in_the_repr() -> None:
    key = new_api_key()
    assert len(key.secret_hash) == 32
    assert key.secret not in repr(key)
    assert key.secret.encode() not in key.secret_hash


@pytest.mark.parametrize(
    ("place", "other"),
    [(-1, ""), (-1, "aa"), (-1, "a\n"), (-1, "é"), (-1, "\u0663"), (0, " f"), (0, "F"), (2, "-")],
)
def test_what_is_not_a_key_is_not_looked_up(place: int, other: str) -> None:
    text = list(new_api_key().text)
    text[place] = other
    assert read_api_key("".join(text)) is None
