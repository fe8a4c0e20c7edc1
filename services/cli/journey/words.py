"""The words of journey, as people type and read them, beside those of all services."""

from __future__ import annotations

from collections.abc import Mapping

from footfall.journey.v1 import journey_pb2
from services.cli.words import clock, counted, day, lasting, names, number, read, time, typed

__all__ = [
    "LEVEL_STYLES",
    "PRIORITY_STYLES",
    "STAGE_STYLES",
    "action",
    "clock",
    "counted",
    "day",
    "lasting",
    "level",
    "names",
    "number",
    "read",
    "risk",
    "stage",
    "time",
    "typed",
    "who",
]

LEVEL_STYLES: Mapping[int, str] = {1: "dim", 2: "yellow", 3: "dark_orange", 4: "bold red"}
"""By RiskLevel."""

PRIORITY_STYLES: Mapping[int, str] = {1: "dim", 2: "", 3: "yellow", 4: "bold red"}
"""By Priority."""

STAGE_STYLES: Mapping[int, str] = {
    journey_pb2.STAGE_UPSELL_CANDIDATE: "green",
    journey_pb2.STAGE_CHURN_RISK: "red",
}
"""Of stages that are not just on the way."""


def stage(value: int) -> str:
    return read(journey_pb2.Stage, value)


def risk(value: int) -> str:
    return read(journey_pb2.Risk, value)


def level(value: int) -> str:
    return read(journey_pb2.RiskLevel, value)


def action(value: int) -> str:
    return read(journey_pb2.Action, value)


def who(client_id: str, name: str) -> str:
    """A client, by its name where it has one."""
    return f"{name} ({client_id})" if name else client_id
