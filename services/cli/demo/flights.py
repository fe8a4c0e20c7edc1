"""The flights of `data/`, as events: one row in, one event out, the same one every time."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp

from footfall.events.v1.event_pb2 import Event
from services.cli.local_time import in_utc
from shared import ids

FILE = Path(__file__).parent / "data" / "nyc_flights_2013.csv.gz"
SOURCE = "nyc_flights_2013"
ROWS = 336_776
TIME_ZONE = "America/New_York"
FLOWN, CANCELLED = "feature_used", "feature_abandoned"

CARRIERS = {
    "9E": "Endeavor Air",
    "AA": "American Airlines",
    "AS": "Alaska Airlines",
    "B6": "JetBlue Airways",
    "DL": "Delta Air Lines",
    "EV": "ExpressJet Airlines",
    "F9": "Frontier Airlines",
    "FL": "AirTran Airways",
    "HA": "Hawaiian Airlines",
    "MQ": "Envoy Air",
    "OO": "SkyWest Airlines",
    "UA": "United Air Lines",
    "US": "US Airways",
    "VX": "Virgin America",
    "WN": "Southwest Airlines",
    "YV": "Mesa Airlines",
}

Departure = tuple[str, Event]
"""The carrier and what its key sends."""


def departures(path: Path = FILE) -> Iterator[Departure]:
    """Every row of the file, in its order, which is that of time."""
    with gzip.open(path, "rt", encoding="ascii", newline="\n") as lines:
        next(lines)
        yield from from_rows(lines)


def from_rows(lines: Iterable[str]) -> Iterator[Departure]:
    """Rows to events.

    Nothing in the file is quoted, and no two rows are equal: an id is derived from the row alone.
    """
    for line in lines:
        row = line.rstrip("\n")
        local, carrier, aircraft, origin, dest, dep, arr, cancelled, miles = row.split(",")
        milliseconds = _milliseconds(local)
        event = Event(
            event_id=ids.text(ids.derived_uuid7(milliseconds, SOURCE, row)),
            type=CANCELLED if cancelled == "1" else FLOWN,
            occurred_at=Timestamp(seconds=milliseconds // 1000),
            user_id=aircraft,
            feature=f"{origin}-{dest}",
            properties_json=_properties(dep, arr, miles),
        )
        yield carrier, event


# The file is sorted: nearly every time was just asked for.
@lru_cache(maxsize=64)
def _milliseconds(local: str) -> int:
    return round(in_utc(datetime.fromisoformat(local), _zone()).timestamp()) * 1000


@lru_cache(maxsize=1)
def _zone() -> ZoneInfo:
    return ZoneInfo(TIME_ZONE)


def _properties(dep_delay: str, arr_delay: str, distance: str) -> str:
    """Whole minutes and miles, as the JSON that they nearly are; what is not known is left out."""
    known = [f'"distance":{distance}']
    if dep_delay:
        known.append(f'"dep_delay":{dep_delay.removesuffix(".0")}')
    if arr_delay:
        known.append(f'"arr_delay":{arr_delay.removesuffix(".0")}')
    return "{" + ",".join(known) + "}"
