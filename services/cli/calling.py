"""Commands that call: as whoever holds an API key, over the same door as every other client."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import grpc

from footfall_client import TLS
from footfall_client.connection import Connection
from footfall_client.retry import Failure, failure_of
from services.cli import options
from services.cli.environment import environment
from services.cli.state import published
from shared.data_dir import DataDir
from shared.refusal import StartRefused
from shared.settings import (
    EventIngestSettings,
    InsightSettings,
    JourneySettings,
    PricingSettings,
    Settings,
)
from shared.settings_source import load

_MOST_ANSWER_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Where:
    """How a service is found that nobody gives the address of."""

    title: str
    variable: str
    port: int
    given: Callable[[Settings], str | None]
    listens_on: Callable[[Settings], int]


SERVICES: Mapping[str, Where] = {
    "event_ingest": Where(
        "event-ingest", "FOOTFALL_ADDRESS", EventIngestSettings().port,
        lambda settings: settings.command_line.address,
        lambda settings: settings.event_ingest.port,
    ),
    "insight": Where(
        "insight", "FOOTFALL_INSIGHT_ADDRESS", InsightSettings().port,
        lambda settings: settings.command_line.insight_address,
        lambda settings: settings.insight.port,
    ),
    "journey": Where(
        "journey", "FOOTFALL_JOURNEY_ADDRESS", JourneySettings().port,
        lambda settings: settings.command_line.journey_address,
        lambda settings: settings.journey.port,
    ),
    "pricing": Where(
        "pricing", "FOOTFALL_PRICING_ADDRESS", PricingSettings().port,
        lambda settings: settings.command_line.pricing_address,
        lambda settings: settings.pricing.port,
    ),
}  # fmt: skip


class CallRefused(StartRefused):
    """The service did not do what it was asked."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Where to call and as whom."""

    address: str
    key: str
    tls: TLS | None = None

    def channel(self) -> grpc.aio.Channel:
        """A channel that carries the credential with every call that passes `metadata`."""
        connection = self._connection
        options = [("grpc.max_receive_message_length", _MOST_ANSWER_BYTES)]
        if (credentials := connection.credentials()) is None:
            return grpc.aio.insecure_channel(self.address, options)
        return grpc.aio.secure_channel(self.address, credentials, options)

    @property
    def metadata(self) -> grpc.aio.Metadata:
        """Goes along with every call."""
        return grpc.aio.Metadata(*self._connection.metadata())

    @property
    def _connection(self) -> Connection:
        return Connection(self.address, self.key, self.tls)


def calls_to(service: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command `--key`, `--address` and `--ca`, and hand it a `caller` made of them."""
    return functools.partial(_with_caller, service)


def _with_caller(service: str, act: Callable[..., Any]) -> Callable[..., Any]:
    where = SERVICES[service]

    @click.option(
        "--key",
        metavar="ff_…",
        help="API key; better in FOOTFALL_API_KEY or FOOTFALL_API_KEY_FILE, which no process list "
        "shows.",
    )
    @click.option(
        "--address",
        metavar="HOST:PORT",
        help=f"Where {where.title} is.  [default: {where.variable}, else what runs on the data "
        f"directory, else 127.0.0.1:{where.port}]",
    )
    @click.option(
        "--ca",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Authorities to believe, in PEM; turns TLS on.  [default: FOOTFALL_TLS_CA_FILE; other "
        "machines are always called with TLS]",
    )
    @options.data_dir
    @functools.wraps(act)
    def command(
        *, key: str | None, address: str | None, ca: Path | None, data_dir: DataDir, **given: Any
    ) -> Any:
        logging.getLogger("footfall_client").setLevel(logging.CRITICAL)  # we tell it ourselves
        find = functools.partial(find_caller, data_dir, key, address, ca, service)
        return act(caller=find, **given)

    return command


calls = calls_to("event_ingest")


def find_caller(
    data_dir: DataDir,
    key: str | None,
    address: str | None,
    ca: Path | None,
    service: str = "event_ingest",
) -> Caller:
    """From the options, the environment and what runs here, in this order."""
    settings = load(Settings, environment(os.environ))
    found = key or settings.command_line.api_key
    if not found:
        raise CallRefused(
            "Nobody may call without an API key: set FOOTFALL_API_KEY, or give --key. Make one: "
            "`footfall key create --org ORG_ID --role service --subject loader`."
        )
    authorities = ca or settings.listen.tls_ca_file
    try:
        tls = TLS(authorities.read_bytes()) if authorities else None
        caller = Caller(address or _address(data_dir, settings, service), found, tls)
        assert caller.metadata is not None, "a credential that cannot be sent is refused here"
    except OSError as error:
        raise CallRefused(f"{error.filename} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise CallRefused(f"This cannot be called with: {error}.") from error
    return caller


def explained(error: grpc.RpcError, address: str) -> CallRefused:
    """A failed call in words, with what to do about it."""
    return refusal(failure_of(error), address)


def refusal(failure: Failure, address: str) -> CallRefused:
    """The same of what the client library found."""
    hints = {
        "UNAVAILABLE": f"Is `footfall up` running? --address says where; {address} was called.",
        "UNAUTHENTICATED": "Check the key with `footfall key list --org ORG_ID`.",
        "UNIMPLEMENTED": f"Is {address} the address of that service? See `footfall status`.",
    }
    hint = hints.get(failure.code, "")
    message = failure.message.rstrip(".") or "no more was said"
    return CallRefused(f"{failure}: {message}. {hint}".strip())


def _address(data_dir: DataDir, settings: Settings, service: str) -> str:
    where = SERVICES[service]
    if given := where.given(settings):
        return given
    running = published(data_dir) or {}
    host, port = settings.listen.host, where.listens_on(settings)
    return str(running.get(service, f"{host}:{port}"))
