"""What an answer means: when it is tried again, and when never."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.insight.webhooks.rules.verdicts import (
    PAUSES_SECONDS,
    TRIES,
    Answer,
    Fate,
    judge,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
FAILED = Answer(500)


def pause(answer: Answer, tries: int, jitter: float = 0.5) -> float:
    verdict = judge(answer, tries, NOW, jitter)
    assert verdict.fate is Fate.RETRY
    assert verdict.next_attempt_at is not None
    return (verdict.next_attempt_at - NOW).total_seconds()


def test_there_are_ten_tries_and_then_none() -> None:
    assert TRIES == 10
    assert [pause(FAILED, tries) for tries in range(1, 10)] == list(PAUSES_SECONDS)
    last = judge(FAILED, 10, NOW, 0.5)
    assert (last.fate, last.next_attempt_at, last.error) == (Fate.DEAD, None, "HTTP 500")


@given(st.lists(st.floats(0, 1), min_size=9, max_size=9))
def test_the_last_try_comes_72_hours_after_the_first_at_the_earliest(jitters: list[float]) -> None:
    waited = sum(pause(FAILED, tries, jitter) for tries, jitter in enumerate(jitters, 1))
    assert 72 * 3600 <= waited <= 96 * 3600


@given(st.integers(1, 9), st.floats(0, 1))
def test_jitter_is_a_tenth_either_way(tries: int, jitter: float) -> None:
    base = PAUSES_SECONDS[tries - 1]
    assert 0.9 * base - 1e-5 <= pause(FAILED, tries, jitter) <= 1.1 * base + 1e-5


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_delivers_at_any_try(status: int) -> None:
    assert judge(Answer(status), 10, NOW, 0.5).fate is Fate.DELIVERED


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308, 400, 404, 429, 500, 503])
def test_all_else_is_a_failure_redirects_too(status: int) -> None:
    assert judge(Answer(status), 1, NOW, 0.5).fate is Fate.RETRY


def test_410_is_the_end() -> None:
    assert judge(Answer(410), 1, NOW, 0.5).fate is Fate.GONE


def test_no_answer_is_a_failure_with_its_reason() -> None:
    verdict = judge(Answer(error="no answer within 15 s"), 1, NOW, 0.5)
    assert (verdict.fate, verdict.error) == (Fate.RETRY, "no answer within 15 s")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("Sat, 21 Nov 2026 12:10:00 GMT", 600),
        ("999999999999", 86_400),
        ("Sat, 21 Nov 2099 12:10:00 GMT", 86_400),
        ("3", 5),
        ("Sat, 21 Nov 2020 12:10:00 GMT", 5),
        ("", 5),
        ("-7", 5),
        ("soon", 5),
        ("²", 5),
    ],
)
def test_retry_after_lengthens_a_pause_within_a_day(header: str, seconds: float) -> None:
    assert pause(Answer(429, retry_after=header), 1) == seconds


@given(st.text(max_size=40))
def test_no_retry_after_does_harm(header: str) -> None:
    assert timedelta(seconds=4.5) <= timedelta(seconds=pause(Answer(503, retry_after=header), 1))
    assert pause(Answer(503, retry_after=header), 1) <= 86_400
