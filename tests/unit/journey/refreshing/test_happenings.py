"""What ingested events mean in a journey, and which walks count."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.journey.journeys.rules.vocabulary import SECOND
from services.journey.refreshing.rules import (
    SENTIMENT,
    SETTLING_SECONDS,
    SUPPORT_TICKET,
    Target,
    Walk,
    happening,
)

ID = UUID(int=7)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def read(type_id: int, **properties: Any) -> tuple[str, Any]:
    found = happening(ID, 5, type_id, properties)
    assert (found.event_id, found.occurred_at, found.stage) == (ID, 5, None)
    return found.event_type, found.metadata


@pytest.mark.parametrize(
    ("properties", "metadata"),
    [
        ({"sentiment": "negative"}, {"sentiment": "negative"}),
        ({"sentiment": " Negative "}, {"sentiment": "negative"}),
        ({"label": "NEGATIVE", "score": 0.9}, {"sentiment": "negative", "score": 0.9}),
        ({"sentiment": "positive", "score": -1}, {"sentiment": "positive", "score": -1}),
        ({"score": -0.01}, {"sentiment": "negative", "score": -0.01}),
        ({"score": 0}, {"sentiment": "neutral", "score": 0}),
        ({"score": 3, "text": "thanks"}, {"sentiment": "positive", "score": 3}),
        ({"sentiment": True, "score": True}, {}),
        ({}, {}),
    ],
)
def test_a_sentiment_is_negative_by_its_word_else_by_its_score(
    properties: dict[str, Any], metadata: dict[str, Any]
) -> None:
    assert read(SENTIMENT, **properties) == ("sentiment", metadata)


@pytest.mark.parametrize(
    ("properties", "event_type"),
    [
        ({}, "support_ticket_opened"),
        ({"status": "opened"}, "support_ticket_opened"),
        ({"status": "", "action": "Reopened"}, "support_ticket_opened"),
        ({"action": "closed"}, "support_ticket_closed"),
        ({"status": "RESOLVED", "action": "opened"}, "support_ticket_closed"),
        ({"status": "waiting"}, "support_ticket"),
    ],
)
def test_a_ticket_is_opened_unless_it_says_otherwise(
    properties: dict[str, Any], event_type: str
) -> None:
    kind, metadata = read(SUPPORT_TICKET, ticket_id="T-1", **properties)
    assert (kind, metadata["ticket_id"]) == (event_type, "T-1")


@given(st.sampled_from([SENTIMENT, SUPPORT_TICKET]), st.dictionaries(st.text(), ANYTHING))
def test_whatever_the_properties_an_event_is_small_and_has_a_known_type(
    type_id: int, properties: dict[str, Any]
) -> None:
    kind, metadata = read(type_id, **properties)
    assert kind.startswith(("sentiment", "support_ticket"))
    assert metadata.keys() <= {"sentiment", "score", "ticket_id", "status"}
    assert all(len(one) <= 256 for one in metadata.values() if isinstance(one, str))


def test_a_walk_counts_when_nobody_works_with_what_was_before_any_more() -> None:
    walk = Walk(Target(3, date(2026, 3, 1)), known_at=1000)
    assert walk.goes_on(1000)
    assert not walk.counts
    walk.after, walk.at_its_end = "zoe", True
    later = 1000 + SETTLING_SECONDS * SECOND
    assert not walk.goes_on(later - 1)
    assert walk.goes_on(later)
    assert (walk.after, walk.counts) == ("", True)
