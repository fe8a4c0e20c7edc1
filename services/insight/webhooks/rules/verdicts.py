"""What an answer means for its message: delivered, again later, or given up.

Ten tries over three days: even where jitter shortens every pause, 72 hours pass before the last.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum
from http import HTTPStatus

_SECOND, _MINUTE, _HOUR = 1, 60, 3600
PAUSES_SECONDS = (
    5 * _SECOND, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 15 * _HOUR,
    22 * _HOUR, 26 * _HOUR,
)  # fmt: skip
TRIES = len(PAUSES_SECONDS) + 1
JITTER = 0.1
_LONGEST_RETRY_AFTER_SECONDS = 24.0 * _HOUR


class Fate(Enum):
    """What becomes of a message."""

    DELIVERED = "delivered"
    RETRY = "retry"
    DEAD = "dead"
    GONE = "gone"
    """The receiver wants no more, this one or any."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a try: a status, or a reason why there was none."""

    status: int | None = None
    error: str = ""
    retry_after: str = ""
    """The header as it came."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of it, and when it is tried again if it is."""

    fate: Fate
    next_attempt_at: datetime | None = None
    error: str = ""


def judge(answer: Answer, tries: int, now: datetime, jitter: float) -> Verdict:
    """What becomes of a message after so many tries; `jitter` is from 0 to 1.

    Only 2xx delivers. A redirect is a failure, for nobody checked where it leads.
    """
    if answer.status is not None and HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return Verdict(Fate.DELIVERED)
    error = answer.error or f"HTTP {answer.status}"
    if answer.status == HTTPStatus.GONE:
        return Verdict(Fate.GONE, error=error)
    if tries >= TRIES:
        return Verdict(Fate.DEAD, error=error)
    pause = PAUSES_SECONDS[tries - 1] * (1 - JITTER + 2 * JITTER * jitter)
    pause = max(pause, _retry_after_seconds(answer.retry_after, now))
    return Verdict(Fate.RETRY, now + timedelta(seconds=pause), error)


def _retry_after_seconds(header: str, now: datetime) -> float:
    """What the receiver asks for, within a day; 0 when it asks for nothing we understand."""
    if header.isascii() and header.isdigit():
        asked = float(header[:9])
    else:
        try:
            moment = parsedate_to_datetime(header)
        except ValueError:
            return 0.0
        asked = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    return min(max(asked, 0.0), _LONGEST_RETRY_AFTER_SECONDS)
