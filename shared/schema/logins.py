"""Who logs in to Postgres: one login per program, its owner and its broom apart.

Passwords live in the data directory (mode 0600) unless `FOOTFALL_<LOGIN>_DATABASE_URL` brings its
own, as it does where the operator manages them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from shared.data_dir import DataDir

OWNER = "footfall_owner"
MAINTENANCE = "footfall_maintenance"
BI = "footfall_bi"
SERVICES = (
    "footfall_event_ingest",
    "footfall_insight",
    "footfall_journey",
    "footfall_pricing",
)


@dataclass(frozen=True)
class Login:
    """A role that logs in; `attributes` are those of CREATE ROLE."""

    name: str
    attributes: str = "NOBYPASSRLS"

    @property
    def variable(self) -> str:
        """The environment variable that may bring its whole URL."""
        return f"{self.name.upper()}_DATABASE_URL"


# The owner bypasses row-level security because FORCE would make its back-fills touch nothing,
# maintenance because retention crosses organisations: docs/security.md lists its statements.
LOGINS = (
    Login(OWNER, "BYPASSRLS"),
    Login(MAINTENANCE, "BYPASSRLS"),
    *(Login(name) for name in SERVICES),
    Login(BI),
)


def password(login: Login, data_dir: DataDir, environ: Mapping[str, str]) -> str:
    """The login's password: the one in its URL, else the data directory's, made at first use."""
    if url := environ.get(login.variable):
        return unquote(urlsplit(url).password or "")
    return data_dir.secret_or_new(f"{login.name}.password")


def url(login: Login, admin_url: str, data_dir: DataDir, environ: Mapping[str, str]) -> str:
    """Where and as whom the login connects."""
    if given := environ.get(login.variable):
        return given
    secret = password(login, data_dir, environ)
    parts = urlsplit(admin_url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{login.name}:{quote(secret, safe='')}@{place}"))


def urls(admin_url: str, data_dir: DataDir, environ: Mapping[str, str]) -> dict[str, str]:
    """The URL of every login, by its name."""
    return {login.name: url(login, admin_url, data_dir, environ) for login in LOGINS}
