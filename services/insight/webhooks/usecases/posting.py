"""One POST to an address that was checked: the one and only that is connected to.

The name is resolved once, its addresses are checked, and the connection is made to an address, not
to the name; TLS checks the certificate for the name all the same. Nothing reads the environment's
proxies, no redirect is followed, and of the answer nothing but its head is read.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading
from asyncio import IncompleteReadError, LimitOverrunError, StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Mapping, Sequence

from services.insight.webhooks.errors import UrlRefused
from services.insight.webhooks.rules.addresses import is_loopback, is_permitted
from services.insight.webhooks.rules.urls import Target, read_url
from services.insight.webhooks.rules.verdicts import Answer

SECONDS = 15.0
_CONNECT_SECONDS = 5.0  # to one address, where a name has several
_HEAD_BYTES = 32 * 1024  # the reader holds twice as much at most
_INTERIM_ANSWERS = 8
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\r\n]*)?")

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a name."""
Dial = Callable[..., Awaitable[tuple[StreamReader, StreamWriter]]]
"""asyncio.open_connection, or what takes its place."""


class Blocked(Exception):
    """The name leads where nothing is sent to."""


class NoAnswer(Exception):
    """What came is no answer by HTTP/1.1."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system, in a thread of its own: a name server that hangs must hold up nobody else."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[Sequence[str]] = loop.create_future()

    def settle(addresses: Sequence[str], error: OSError | None) -> None:
        if not found.done():
            found.set_exception(error) if error else found.set_result(addresses)

    def ask() -> None:
        addresses: Sequence[str] = ()
        error = None
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
        except (OSError, UnicodeError) as failure:
            error = OSError(f"the name {host} does not resolve: {failure}")
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, addresses, error)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    return await found


class Poster:
    """Sends bodies to URLs. `resolve`, `dial` and `tls` are what tests put theirs in place of."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        seconds: float = SECONDS,
        resolve: Resolve = resolve,
        dial: Dial = asyncio.open_connection,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._seconds = seconds
        self._resolve = resolve
        self._dial = dial
        self._tls = tls or ssl.create_default_context()
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send, and say what came of it. All of it together has `seconds`."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._post(url, headers, body)
        except TimeoutError:
            return Answer(error=f"no answer within {self._seconds:g} s")
        except (UrlRefused, Blocked, NoAnswer, OSError) as error:
            return Answer(error=_words(error))

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        target = read_url(url, allow_private=self._allow_private)
        reader, writer = await self._connect(target)
        try:
            writer.write(_request(target, headers, body))
            await writer.drain()
            return await _answer(reader)
        finally:
            writer.transport.abort()  # house: of a socket, whatever goes on coming

    async def _connect(self, target: Target) -> tuple[StreamReader, StreamWriter]:
        failure: Exception = OSError(f"the name {target.host} has no address")
        for address in await self._permitted(target):
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    return await self._open(target, address)
            except TimeoutError:
                failure = OSError(f"no connection within {_CONNECT_SECONDS:g} s")
            except OSError as error:
                failure = error
        raise failure

    async def _permitted(self, target: Target) -> Sequence[str]:
        """The addresses of the name; one that is inside is one too many."""
        addresses = await self._resolve(target.host, target.port)
        for address in addresses:
            if not is_permitted(address, allow_private=self._allow_private):
                raise Blocked(f"{target.host} leads to {address}")
            if target.scheme == "http" and not is_loopback(address):
                raise Blocked(f"{target.host} leads to {address}, without TLS")
        return addresses

    async def _open(self, target: Target, address: str) -> tuple[StreamReader, StreamWriter]:
        secured = target.scheme == "https"
        return await self._dial(
            address,
            target.port,
            limit=_HEAD_BYTES,
            ssl=self._tls if secured else None,
            server_hostname=target.host if secured else None,
        )


def _words(error: Exception) -> str:
    """Why there is no answer, for whoever reads the list of deliveries."""
    if isinstance(error, UrlRefused):
        return f"SSRF_BLOCKED: {error.why}"
    if isinstance(error, Blocked):
        return f"SSRF_BLOCKED: {error}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {getattr(error, 'verify_message', error.reason)}"
    return getattr(error, "strerror", "") or str(error) or type(error).__name__


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [
        f"POST {target.path} HTTP/1.1",
        f"host: {target.authority}",
        "connection: close",
        f"content-length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


async def _answer(reader: StreamReader) -> Answer:
    """The first answer that is not just interim."""
    for _ in range(_INTERIM_ANSWERS):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except IncompleteReadError:
            raise NoAnswer("the connection was closed before an answer") from None
        except LimitOverrunError:
            raise NoAnswer(f"the head of the answer has more than {_HEAD_BYTES} bytes") from None
        first, *lines = head.split(b"\r\n")
        match = _STATUS.fullmatch(first)
        if match is None:
            raise NoAnswer("the answer is not of HTTP/1.1")
        status = int(match[1])
        if status >= 200:  # noqa: PLR2004 - the classes of HTTP
            return Answer(status=status, retry_after=_field(lines, b"retry-after"))
    raise NoAnswer("only interim answers came")


def _field(lines: Sequence[bytes], name: bytes) -> str:
    for line in lines:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip().decode("latin-1")
    return ""
