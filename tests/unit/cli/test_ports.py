"""Which ports are taken, and in what order of authority."""

from __future__ import annotations

import pytest

from services.cli.ports import Ports
from services.cli.suite import SUITE, chosen
from shared.refusal import StartRefused


def test_the_environment_goes_before_the_documented_default() -> None:
    assert Ports({"X_PORT": "1234"}, any_free=False).wanted("X_PORT", 50051) == 1234
    assert Ports({}, any_free=False).wanted("X_PORT", 50051) == 50051


def test_auto_goes_before_both() -> None:
    assert Ports({"X_PORT": "1234"}, any_free=True).wanted("X_PORT", 50051) is None


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "1.5"])
def test_a_port_that_is_none_is_refused_by_its_variable(text: str) -> None:
    with pytest.raises(StartRefused, match="X_PORT"):
        Ports({"X_PORT": text}, any_free=False).wanted("X_PORT", 50051)


async def test_no_port_is_given_twice() -> None:
    ports = Ports({}, any_free=True)
    given = await ports.of({f"PORT_{n}": n for n in range(50)})
    assert len(set(given.values())) == 50


def test_every_documented_port_of_the_suite_is_its_own() -> None:
    ports = [port for program in SUITE for port in program.ports().values()]
    assert len(ports) == len(set(ports))


def test_a_service_brings_its_worker_along() -> None:
    assert {program.name for program in chosen(["event-ingest"])} == {
        "event_ingest",
        "event_ingest_worker",
    }


def test_nothing_named_is_everything() -> None:
    assert chosen([""]) == list(SUITE)
