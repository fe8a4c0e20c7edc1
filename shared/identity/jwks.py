"""Keys from an issuer's JWKS address.

Fetched when needed, and once a minute at most, however many tokens name keys that do not exist.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from urllib.parse import urlsplit

from shared.clock import Clock
from shared.identity.keys import FixedKeys, KeysUnusable, PinnedKey, parse_jwks

_MAX_BYTES = 64 * 1024
_TIMEOUT_SECONDS = 5.0
_FETCH_EVERY_SECONDS = 60.0

logger = logging.getLogger(__name__)


class RemoteKeys:
    """The keys behind an address, as they were a minute ago at worst.

    Known keys answer at once while a fetch runs; only an unknown id waits for it. While the issuer
    is away the keys stay as they were.
    """

    def __init__(self, url: str, clock: Clock, fetch: Callable[[str], bytes] | None = None) -> None:
        require_safe(url)
        self._url = url
        self._clock = clock
        self._fetch = fetch or fetch_jwks
        self._keys = FixedKeys({})
        self._next_fetch = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None) -> PinnedKey | None:
        """The key of that id; without an id the only key there is, if there is only one."""
        fetching = self._refresh()
        known = await self._keys.find(key_id)
        if known is None and fetching is not None:
            await asyncio.shield(fetching)
            known = await self._keys.find(key_id)
        return known

    def _refresh(self) -> asyncio.Task[None] | None:
        """The fetch in flight, begun now if it is due."""
        now = self._clock.monotonic()
        if self._fetching is None and now >= self._next_fetch:
            self._next_fetch = now + _FETCH_EVERY_SECONDS
            self._fetching = asyncio.create_task(self._replace_keys())
            self._fetching.add_done_callback(self._fetched)
        return self._fetching

    def _fetched(self, _: asyncio.Task[None]) -> None:
        self._fetching = None

    async def _replace_keys(self) -> None:
        try:
            keys = parse_jwks(await asyncio.to_thread(self._fetch, self._url))
        except (OSError, HTTPException, ValueError) as error:
            logger.warning("The keys of FOOTFALL_JWT_JWKS_URL stay as they were: %s", error)
        else:
            self._keys = FixedKeys(keys)


def require_safe(url: str) -> None:
    """Refuse an address over which somebody in between could hand us keys of their own."""
    parts = urlsplit(url)
    if parts.hostname and (
        parts.scheme == "https" or _plain_loopback(parts.scheme, parts.hostname)
    ):
        return
    raise KeysUnusable(
        f"FOOTFALL_JWT_JWKS_URL: {url} is not safe; an https address is needed "
        "(http only on the loopback interface)."
    )


def fetch_jwks(url: str) -> bytes:
    """The document at the address, or OSError, HTTPException or ValueError; blocks."""
    ends = time.monotonic() + _TIMEOUT_SECONDS
    handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
    if urlsplit(url).scheme == "http":  # loopback: a proxy would look on its own machine
        handlers.append(urllib.request.ProxyHandler({}))
    document = bytearray()
    with urllib.request.build_opener(*handlers).open(url, timeout=_TIMEOUT_SECONDS) as response:
        while piece := response.read1(_MAX_BYTES):
            document += piece
            if len(document) > _MAX_BYTES:
                raise ValueError(f"the document is larger than {_MAX_BYTES} bytes")
            if time.monotonic() > ends:
                raise TimeoutError(f"the document took longer than {_TIMEOUT_SECONDS:g} s")
    return bytes(document)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect could lead from https to anywhere: it is an answer like any other failure."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def _plain_loopback(scheme: str, host: str) -> bool:
    if scheme != "http":
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
