"""What runs: the database as every login sees it, and the health of the services."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from services.cli.examining.finding import Finding, State, fail, ok, warn
from services.cli.health import Door, who_serves
from services.cli.state import published
from services.cli.suite import SUITE
from shared import startup
from shared.data_dir import DataDir
from shared.embedded import running_admin_url
from shared.refusal import StartRefused
from shared.schema import logins
from shared.settings import Settings
from shared.settings_source import load

_ADMINISTRATOR_URL = "FOOTFALL_DATABASE_URL"


async def examine(data_dir: DataDir, environ: Mapping[str, str]) -> AsyncIterator[Finding]:
    """As the services themselves look before they start, and as callers see them."""
    async for finding in _database(data_dir, environ):
        yield finding
    found = published(data_dir)
    if found is None:
        return
    addresses = {p.name: found[p.name] for p in SUITE if p.name in found and not p.scheme}
    door = Door.of(load(Settings, environ).listen)
    for name, serves in (await who_serves(addresses, door)).items():
        about, where = name.replace("_", "-"), addresses[name]
        if serves:
            yield ok(about, f"serves at {where}")
        else:
            log = data_dir.log(name)
            yield fail(about, f"does not serve at {where}", f"Its log tells why: {log}")


async def _database(data_dir: DataDir, environ: Mapping[str, str]) -> AsyncIterator[Finding]:
    urls = _urls(data_dir, environ)
    if not urls:
        yield ok("database", "the embedded one, which does not run now")
    for login, url in urls.items():
        yield await _seen_by(login, url)


def _urls(data_dir: DataDir, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Of the logins that services use and that can be told: given, or kept beside the data."""
    admin_url = environ.get(_ADMINISTRATOR_URL) or running_admin_url(data_dir)
    wanted = {login for program in SUITE for login in program.logins}
    urls = {}
    for login in logins.LOGINS:
        known = data_dir.secrets.is_dir() and data_dir.secret(f"{login.name}.password")
        if login.name in wanted and (environ.get(login.variable) or (admin_url and known)):
            urls[login.name] = logins.url(login, admin_url or "", data_dir, environ)
    if not urls and admin_url:
        return {"the administrator": admin_url}
    return urls


async def _seen_by(login: str, url: str) -> Finding:
    about = f"database, {login}"
    try:
        mighty = login == logins.MAINTENANCE
        warnings = await startup.examine(url, crosses_organisations=mighty)
    except startup.NotYet as state:
        return fail(about, str(state), "Start it, or correct the URL.")
    except startup.Unmigrated as refusal:
        return fail(about, "not migrated", str(refusal))
    except StartRefused as refusal:
        return fail(about, "unfit", str(refusal))
    if warnings:
        return warn(about, "works", " ".join(warnings))
    return Finding(about, State.OK, "reachable, safe, and at the schema of this version")
