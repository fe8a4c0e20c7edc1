"""The programs of the suite: a new service is one line here, and `footfall up` runs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.refusal import StartRefused
from shared.settings import (
    EventIngestSettings,
    EventIngestWorkerSettings,
    InsightSettings,
    InsightWorkerSettings,
    JourneySettings,
    JourneyWorkerSettings,
    PricingSettings,
    PricingWorkerSettings,
)


@dataclass(frozen=True)
class Program:
    """A child of `footfall up`; one without a port serves nobody and works in the background."""

    name: str
    module: str
    logins: tuple[str, ...]
    """Whose database URLs it gets, and nobody else's."""
    port: int | None = None
    metrics_port: int | None = None
    part_of: str = ""
    """The service it belongs to, where that is another: chosen and left out with it."""
    scheme: str = ""
    """What stands before its address: services of HTTP say so, gRPC needs nothing."""
    calls: tuple[str, ...] = ()
    """The services that it calls, and whose addresses it gets."""

    @property
    def service(self) -> str:
        return self.part_of or self.name

    @property
    def prefix(self) -> str:
        """What the names of its variables begin with."""
        return f"FOOTFALL_{self.name.upper()}"

    @property
    def address_variable(self) -> str:
        """Where those that call it learn its address."""
        return f"{self.prefix}_ADDRESS"

    def ports(self) -> Mapping[str, int]:
        """The variables of its ports, with their documented defaults."""
        ports = {f"{self.prefix}_PORT": self.port, f"{self.prefix}_METRICS_PORT": self.metrics_port}
        return {variable: port for variable, port in ports.items() if port is not None}


def _service(
    name: str,
    defaults: EventIngestSettings | InsightSettings | JourneySettings | PricingSettings,
    calls: tuple[str, ...] = (),
) -> Program:
    """A service with the ports that its settings document."""
    module, login = f"services.{name}", f"footfall_{name}"
    return Program(name, module, (login,), defaults.port, defaults.metrics_port, calls=calls)


SUITE: Sequence[Program] = (
    _service("event_ingest", EventIngestSettings()),
    Program(
        "event_ingest_worker", "services.event_ingest.worker",
        ("footfall_event_ingest", "footfall_maintenance"),
        metrics_port=EventIngestWorkerSettings().metrics_port, part_of="event_ingest",
    ),
    _service("insight", InsightSettings()),
    Program(
        "insight_worker", "services.insight.worker", ("footfall_insight", "footfall_maintenance"),
        metrics_port=InsightWorkerSettings().metrics_port, part_of="insight",
    ),
    _service("journey", JourneySettings(), calls=("insight",)),
    Program(
        "journey_worker", "services.journey.worker", ("footfall_journey", "footfall_maintenance"),
        metrics_port=JourneyWorkerSettings().metrics_port, part_of="journey", calls=("insight",),
    ),
    _service("pricing", PricingSettings()),
    Program(
        "pricing_worker", "services.pricing.worker", ("footfall_pricing", "footfall_maintenance"),
        metrics_port=PricingWorkerSettings().metrics_port, part_of="pricing",
    ),
)  # fmt: skip


def chosen(only: Iterable[str]) -> Sequence[Program]:
    """The programs of the services named (dashes or underscores); all of them when none is."""
    wanted = {name.strip().replace("-", "_") for name in only if name.strip()}
    known = {program.service for program in SUITE}
    if unknown := wanted - known:
        raise StartRefused(
            f"There is no service {', '.join(sorted(unknown))}; there are: "
            f"{', '.join(name.replace('_', '-') for name in sorted(known))}."
        )
    return [program for program in SUITE if not wanted or program.service in wanted]


def named(name: str) -> Program:
    """The program of that name (dashes or underscores)."""
    for program in SUITE:
        if program.name == name.replace("-", "_"):
            return program
    known = ", ".join(program.name.replace("_", "-") for program in SUITE)
    raise StartRefused(f"There is no service {name}; there are: {known}.")
