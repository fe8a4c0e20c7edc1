"""The demo's data: unharmed, and each row the event that its README promises."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from itertools import islice
from uuid import UUID

from footfall.events.v1.event_pb2 import Event
from services.cli.demo.flights import CARRIERS, FILE, departures, from_rows
from shared import ids

FLOWN = "2013-01-01 05:15,UA,N14228,EWR,IAH,2.0,11.0,0,1400\n"


def event_of(row: str) -> Event:
    ((_, event),) = from_rows([row])
    return event


def test_the_file_is_the_one_that_the_readme_describes() -> None:
    readme = (FILE.parent / "README.md").read_text()
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() in readme


def test_a_flown_departure_is_a_used_feature_at_its_time_in_utc() -> None:
    event = event_of(FLOWN)
    assert (event.type, event.user_id, event.feature) == ("feature_used", "N14228", "EWR-IAH")
    assert event.occurred_at.ToJsonString() == "2013-01-01T10:15:00Z"
    assert json.loads(event.properties_json) == {"distance": 1400, "dep_delay": 2, "arr_delay": 11}


def test_a_cancelled_departure_is_an_abandoned_feature_without_delays() -> None:
    event = event_of("2013-02-08 09:00,UA,,EWR,BOS,,,1,200\n")
    assert (event.type, event.user_id) == ("feature_abandoned", "")
    assert json.loads(event.properties_json) == {"distance": 200}


def test_summer_time_is_reckoned_with() -> None:
    event = event_of(FLOWN.replace("2013-01-01", "2013-07-01"))
    assert event.occurred_at.ToJsonString() == "2013-07-01T09:15:00Z"


def test_the_doubled_hour_is_its_first_pass_and_the_skipped_one_is_not_lost() -> None:
    doubled = event_of(FLOWN.replace("2013-01-01 05:15", "2013-11-03 01:30"))
    assert doubled.occurred_at.ToJsonString() == "2013-11-03T05:30:00Z"
    skipped = event_of(FLOWN.replace("2013-01-01 05:15", "2013-03-10 02:30"))
    assert skipped.occurred_at.ToJsonString() == "2013-03-10T07:30:00Z"


def test_an_id_is_derived_from_the_row_and_carries_its_time() -> None:
    first, again = event_of(FLOWN), event_of(FLOWN)
    assert first.event_id == again.event_id
    assert first.event_id != event_of(FLOWN.replace("11.0", "12.0")).event_id
    assert UUID(first.event_id).version == 7
    place = ids.place_ms(UUID(first.event_id).bytes)
    assert place == first.occurred_at.seconds * 1000


def test_every_carrier_has_a_name_and_rows_come_in_order_of_time() -> None:
    assert len(CARRIERS) == 16
    some = list(islice(departures(), 20_000))
    assert {carrier for carrier, _ in some} <= CARRIERS.keys()
    hours = [event.occurred_at.seconds for _, event in some]
    assert hours == sorted(hours)
    assert Counter(event.event_id for _, event in some).most_common(1)[0][1] == 1
