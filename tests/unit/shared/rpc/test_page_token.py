"""Tokens open for the query, the method and the organisation that they were made for; else not."""

from __future__ import annotations

import base64
import string
from collections.abc import Callable
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from footfall.events.v1.event_ingest_pb2 import ListEventsRequest, TailEventsRequest
from shared.errors import InvalidField, InvalidPageToken
from shared.rpc.call import Call
from shared.rpc.page_token import PageTokens, TokenKeyUnusable, load_token_key, page_size

POSITION = ["2026-11-21T09:00:00.000001Z", "01890a5d-ac96-774b-bcce-b302099a8057", 7]
TOKENS = PageTokens(b"k" * 32)
ORG = uuid4()


def call(method: str = "/footfall.events.v1.EventIngestService/ListEvents", org: Any = ORG) -> Call:
    return cast(
        "Call",
        SimpleNamespace(method=SimpleNamespace(path=method), identity=SimpleNamespace(org_id=org)),
    )


def test_a_token_opens_on_the_next_page_of_the_same_query() -> None:
    token = TOKENS.seal(call(), ListEventsRequest(user_id="mia", page_size=10), POSITION)
    again = ListEventsRequest(user_id="mia", page_size=999, page_token=token)
    assert TOKENS.open(call(), again, token) == POSITION
    assert TOKENS.open(call(), again, "") is None


OTHERS: dict[str, Callable[[], tuple[PageTokens, Call, Message]]] = {
    "filter": lambda: (TOKENS, call(), ListEventsRequest(user_id="milo")),
    "organisation": lambda: (TOKENS, call(org=uuid4()), ListEventsRequest(user_id="mia")),
    "method": lambda: (TOKENS, call("/other/Method"), ListEventsRequest(user_id="mia")),
    "key": lambda: (PageTokens(b"x" * 32), call(), ListEventsRequest(user_id="mia")),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_token_of_another_thing_is_refused(
    other: Callable[[], tuple[PageTokens, Call, Message]],
) -> None:
    token = TOKENS.seal(call(), ListEventsRequest(user_id="mia"), POSITION)
    tokens, caller, request = other()
    with pytest.raises(InvalidPageToken):
        tokens.open(caller, request, token)


def test_a_resume_token_is_bound_to_its_filter_and_not_to_itself() -> None:
    tail = call("/footfall.events.v1.EventIngestService/TailEvents")
    token = TOKENS.seal(tail, TailEventsRequest(types=["login"]), [42])
    again = TailEventsRequest(types=["login"], resume_token=token)
    assert TOKENS.open(tail, again, token) == [42]
    with pytest.raises(InvalidPageToken):
        TOKENS.open(tail, TailEventsRequest(types=["logout"]), token)


@given(st.integers(min_value=0, max_value=10_000), st.integers(min_value=1, max_value=255))
def test_a_token_with_any_byte_changed_is_refused(place: int, change: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(TOKENS.seal(call(), ListEventsRequest(), POSITION)))
    raw[place % len(raw)] ^= change
    with pytest.raises(InvalidPageToken):
        TOKENS.open(call(), ListEventsRequest(), base64.urlsafe_b64encode(raw).decode())


def test_a_token_with_any_letter_changed_is_refused() -> None:
    token = TOKENS.seal(call(), ListEventsRequest(), POSITION)
    letters = string.ascii_letters + string.digits + "-_="
    for place, letter in product(range(len(token)), letters):
        if token[place] != letter:
            with pytest.raises(InvalidPageToken):
                TOKENS.open(
                    call(), ListEventsRequest(), token[:place] + letter + token[place + 1 :]
                )


@given(st.text(min_size=1))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidPageToken):
        TOKENS.open(call(), ListEventsRequest(), text)


def test_an_enormous_token_is_refused_unread() -> None:
    with pytest.raises(InvalidPageToken):
        TOKENS.open(call(), ListEventsRequest(), "A" * 10_000_000)


def test_a_token_for_a_purpose_opens_for_it_and_for_nothing_else() -> None:
    token = TOKENS.seal_for("journey.decision", ORG, b"payload")
    assert TOKENS.open_for("journey.decision", ORG, token) == b"payload"
    others = (
        (TOKENS, "journey.other", ORG),
        (TOKENS, "journey.decision", uuid4()),
        (PageTokens(b"x" * 32), "journey.decision", ORG),
    )
    for tokens, purpose, org in others:
        with pytest.raises(InvalidPageToken):
            tokens.open_for(purpose, org, token)
    with pytest.raises(InvalidPageToken):
        TOKENS.open(call("journey.decision"), ListEventsRequest(), token)


@given(st.integers(min_value=0, max_value=10_000), st.integers(min_value=1, max_value=255))
def test_a_token_for_a_purpose_with_any_byte_changed_is_refused(place: int, change: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(TOKENS.seal_for("purpose", ORG, b"payload")))
    raw[place % len(raw)] ^= change
    with pytest.raises(InvalidPageToken):
        TOKENS.open_for("purpose", ORG, base64.urlsafe_b64encode(raw).decode())


@pytest.mark.parametrize(("asked", "given"), [(0, 50), (1, 1), (1000, 1000), (1001, 1000)])
def test_page_sizes_are_made_to_fit(asked: int, given: int) -> None:
    assert page_size(asked) == given


def test_a_negative_page_size_is_refused() -> None:
    with pytest.raises(InvalidField) as refused:
        page_size(-1)
    assert refused.value.violations[0].field == "page_size"


def test_the_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    key = load_token_key(None, tmp_path)
    assert len(key) == 32
    assert load_token_key(None, tmp_path) == key
    assert (tmp_path / "page-token.key").stat().st_mode & 0o777 == 0o600
    assert len(list(tmp_path.iterdir())) == 1


def test_processes_that_start_together_get_one_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load_token_key(None, tmp_path)
    monkeypatch.setattr(Path, "exists", lambda _: False)  # the other was a moment quicker
    assert load_token_key(None, tmp_path) == first


def test_a_key_that_cannot_serve_is_refused_by_the_name_of_its_setting(tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_bytes(b"k" * 31)
    short.chmod(0o600)
    with pytest.raises(TokenKeyUnusable, match=r"FOOTFALL_TOKEN_KEY_FILE.*31 bytes"):
        load_token_key(short, tmp_path)
    with pytest.raises(TokenKeyUnusable, match="FOOTFALL_TOKEN_KEY_FILE"):
        load_token_key(None, tmp_path / "nowhere")
