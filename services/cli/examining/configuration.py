"""What the operator set: names, values, TLS files."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from services.cli.examining.finding import Finding, fail, ok, warn
from shared.refusal import StartRefused
from shared.rpc.listener import tls_files
from shared.schema.logins import LOGINS
from shared.settings import ListenSettings, Settings
from shared.settings_source import PREFIX, entries, load, texts, unknown_names
from shared.tls import channel_credentials, server_credentials

_RENEW_DAYS = 30


def examine(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Unknown names are errors here: what is misspelt has no effect, and nobody notices."""
    try:
        settings = load(Settings, environ)
    except StartRefused as error:
        yield fail("settings", "a value that it may not have", str(error))
        return
    strangers = set(unknown_names(Settings, environ)) - _of_logins()
    for name in sorted(strangers):
        yield fail("settings", f"{name} is no setting", _meant(name))
    if not strangers:
        yield ok("settings", f"{len(texts(environ))} set, all known")
    yield from _tls(settings.listen)


def _of_logins() -> set[str]:
    """Every login's own URL may be given, also of services that are not there yet."""
    names = {login.variable for login in LOGINS}
    return names | {f"{name}_FILE" for name in names}


def _meant(name: str) -> str:
    """The nearest setting; compared without the prefix, which makes all of them alike."""
    known = [entry.name.removeprefix(PREFIX) for entry in entries(Settings)]
    near = difflib.get_close_matches(name.removeprefix(PREFIX), known, n=1)
    return f"Did you mean {PREFIX}{near[0]}? Else unset it." if near else "Unset it."


def _tls(listen: ListenSettings) -> Iterator[Finding]:
    files = tls_files(listen)
    try:
        server_credentials(files)
        channel_credentials(files)
    except StartRefused as error:
        yield fail("TLS", "cannot be used", str(error))
        return
    if files.cert is None:
        yield ok("TLS", f"off; services listen on {listen.host}")
        return
    for path in (each for each in (files.cert, files.client_ca, files.ca) if each is not None):
        yield _expiry(path)


def _expiry(path: Path) -> Finding:
    end = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    left = (end - datetime.now(UTC)).days
    if left >= _RENEW_DAYS:
        return ok("TLS", f"{path} is valid until {end:%Y-%m-%d}")
    advice = "Renew it, then restart the services."
    return warn("TLS", f"{path} expires in {left} days ({end:%Y-%m-%d})", advice)
