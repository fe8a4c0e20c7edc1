"""As of when a question is asked."""

from __future__ import annotations

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from footfall.journey.v1 import actions_pb2 as pb
from services.journey.journeys.rules.vocabulary import SECOND, Micros
from services.journey.journeys.wire import from_as_of
from shared.errors import InvalidField
from tests.journeys import NOW

MINUTE = 60 * SECOND
THE_YEAR_2000 = 946_684_800 * SECOND


def asked(as_of: Micros | None) -> Micros | None:
    request = pb.GetNextBestActionRequest()
    if as_of is not None:
        request.as_of.FromMicroseconds(as_of)
    return from_as_of(request, NOW)


@pytest.mark.parametrize("as_of", [None, NOW, NOW + 1, NOW + MINUTE])
def test_a_minute_ahead_is_now(as_of: Micros | None) -> None:
    """Clocks of callers differ."""
    assert asked(as_of) is None


@pytest.mark.parametrize("as_of", [NOW - 1, NOW - MINUTE, THE_YEAR_2000])
def test_the_past_is_the_past_however_near(as_of: Micros) -> None:
    assert asked(as_of) == as_of


@pytest.mark.parametrize("as_of", [NOW + MINUTE + 1, THE_YEAR_2000 - 1, 0])
def test_the_future_and_times_before_2000_are_refused(as_of: Micros) -> None:
    with pytest.raises(InvalidField) as refused:
        asked(as_of)
    assert [one.field for one in refused.value.violations] == ["as_of"]


@pytest.mark.parametrize(
    "wrong", [Timestamp(seconds=1 << 60), Timestamp(nanos=-1)], ids=["too far", "negative"]
)
def test_what_is_no_time_is_refused(wrong: Timestamp) -> None:
    with pytest.raises(InvalidField):
        from_as_of(pb.GetNextBestActionRequest(as_of=wrong), NOW)
