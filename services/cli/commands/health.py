"""`footfall health`: whether a service of this machine serves, as an exit code."""

from __future__ import annotations

import asyncio
import os

import click

from services.cli.environment import environment
from services.cli.suite import named
from shared.refusal import StartRefused
from shared.settings import Settings
from shared.settings_source import load


class NotServing(StartRefused):
    """The service does not serve."""


@click.command(
    short_help="Ask a service on this machine whether it serves; the answer is the exit."
)
@click.argument("service")
def command(service: str) -> None:
    r"""Ask a service on this machine whether it serves. Exits 0 when it does, 1 when not.

    It asks by the standard protocol (grpc.health.v1), at the port and with the TLS that the
    settings say: for the health check of a container, and for scripts that wait.

    \b
    footfall health event-ingest
    """
    from services.cli.health import Door, is_serving

    program, environ = named(service), environment(os.environ)
    door = Door.of(load(Settings, environ).listen)
    port = environ.get(f"{program.prefix}_PORT") or program.port
    if port is None:
        raise NotServing(f"{service} listens nowhere: it is well while it runs.")
    address = f"{door.host}:{port}"
    if not asyncio.run(is_serving(address, door)):
        raise NotServing(f"{service} does not serve at {address}.")
    click.echo(f"{service} serves at {address}.")
