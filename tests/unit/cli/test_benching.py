from __future__ import annotations

from collections import Counter

from services.cli.benching import Load, Measured, _bodies


def test_the_last_batch_holds_what_is_left() -> None:
    assert [events for _, events in _bodies(Load(1100, 500, 4), users=3)] == [500, 500, 100]


def test_percentiles_are_of_the_calls_that_were_answered() -> None:
    measured = Measured(seconds=2.0, latencies=[n / 1000 for n in range(1, 101)])
    assert [measured.milliseconds(p) for p in (50, 95, 99)] == [51.0, 96.0, 100.0]


def test_events_of_failed_calls_are_not_counted_as_fast() -> None:
    measured = Measured(2.0, [0.1], Counter(accepted=500), Counter(UNAVAILABLE=1))
    document = measured.as_json()
    assert document["events_per_second"] == 250
    assert document["calls"] == 2
    assert document["failures"] == {"UNAVAILABLE": 1}
