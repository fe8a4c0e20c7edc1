"""One POST, to whatever the world has listening. Receivers here are raw sockets."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from services.insight.webhooks.rules.verdicts import Answer
from services.insight.webhooks.usecases.posting import Poster, resolve
from tests.certificates import authority

BODY = b'{"type":"feed.concierge"}'
Serving = Callable[[StreamReader, StreamWriter], Awaitable[None]]


@dataclass
class Listener:
    """A port on loopback that counts who connects."""

    port: int = 0
    heads: list[bytes] = field(default_factory=list)
    connects: int = 0


@asynccontextmanager
async def listener(
    reply: bytes | Serving = b"HTTP/1.1 200 OK\r\n\r\n", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Listener]:
    found = Listener()
    serving: set[asyncio.Task[Any]] = set()

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        found.connects += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            found.heads.append(head + await reader.readexactly(len(BODY)))
            if isinstance(reply, bytes):
                writer.write(reply)
                await writer.drain()
            else:
                await reply(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


def to_loopback(port: int) -> Any:
    """Dials as it is told, but for the port: the listener has another than 443."""

    async def dial(address: str, _: int, **options: Any) -> tuple[StreamReader, StreamWriter]:
        return await asyncio.open_connection(address, port, **options)

    return dial


def leads_to(*answers: str) -> tuple[Callable[[str, int], Awaitable[Sequence[str]]], list[str]]:
    """A resolver that says the next of these every time it is asked, and whom it was asked for."""
    asked: list[str] = []

    async def stub(host: str, _: int) -> Sequence[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1].split()

    return stub, asked


async def post(url: str, **options: Any) -> Answer:
    options = {"allow_private": True, "seconds": 30.0, **options}
    return await Poster(**options).post(url, {"webhook-id": "one"}, BODY)


async def test_what_is_sent_is_one_plain_post() -> None:
    async with listener() as found:
        answer = await post(f"http://localhost:{found.port}/hook?key=value")
    assert answer == Answer(status=200)
    [sent] = found.heads
    head, _, body = sent.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    assert first == "POST /hook?key=value HTTP/1.1"
    assert f"host: localhost:{found.port}" in lines
    assert "webhook-id: one" in lines
    assert body == BODY


@pytest.mark.parametrize("location", ["http://127.0.0.1:{port}/", "http://169.254.169.254/"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_52_a_redirect_is_never_followed(status: int, location: str) -> None:
    async with listener() as inside:
        where = location.format(port=inside.port)
        reply = f"HTTP/1.1 {status} Moved\r\nlocation: {where}\r\n\r\n".encode()
        async with listener(reply) as found:
            answer = await post(f"http://127.0.0.1:{found.port}/")
    assert answer.status == status
    assert (found.connects, inside.connects) == (1, 0)


@pytest.mark.parametrize("inside", ["127.0.0.1", "::ffff:127.0.0.1", "8.8.8.8 127.0.0.1", "::1"])
async def test_52_a_public_name_that_leads_inside_is_not_connected_to(inside: str) -> None:
    resolver, asked = leads_to(inside)
    async with listener() as found:
        answer = await post(
            "https://rebound.example/",
            allow_private=False,
            resolve=resolver,
            dial=to_loopback(found.port),
        )
    assert answer.error.startswith("SSRF_BLOCKED: rebound.example leads to ")
    assert asked == ["rebound.example"]
    assert found.connects == 0


async def test_52_what_is_connected_to_is_the_address_that_was_checked() -> None:
    """A name that says something else when it is asked again is not asked again."""
    resolver, asked = leads_to("93.184.216.34", "127.0.0.1")
    dialled: list[str] = []

    async def dial(address: str, port: int, **options: Any) -> Any:
        dialled.append(f"{address}:{port} for {options['server_hostname']}")
        raise ConnectionRefusedError(111, "Connection refused")

    answer = await post(
        "https://rebound.example/", allow_private=False, resolve=resolver, dial=dial
    )
    assert answer == Answer(error="Connection refused")
    assert asked == ["rebound.example"]
    assert dialled == ["93.184.216.34:443 for rebound.example"]
    again = await post("https://rebound.example/", allow_private=False, resolve=resolver, dial=dial)
    assert again.error.startswith("SSRF_BLOCKED")
    assert len(dialled) == 1


async def test_a_url_that_was_saved_under_other_rules_is_refused_when_it_is_sent_to() -> None:
    async with listener() as found:
        answer = await post(f"http://127.0.0.1:{found.port}/", allow_private=False)
    assert answer.error.startswith("SSRF_BLOCKED")
    assert found.connects == 0


async def test_without_tls_nothing_leaves_the_machine() -> None:
    resolver, _ = leads_to("10.0.0.7")
    answer = await post("http://localhost/", resolve=resolver)
    assert answer.error == "SSRF_BLOCKED: localhost leads to 10.0.0.7, without TLS"


async def test_52_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listener() as proxy, listener() as found:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            for variable in (name, name.upper()):
                monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
        answer = await post(f"http://127.0.0.1:{found.port}/")
    assert answer.status == 200
    assert proxy.connects == 0


async def test_53_a_gigabyte_is_not_read() -> None:
    written = 0

    async def flood(_: StreamReader, writer: StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        while written < 1_000_000_000:
            writer.write(b"x" * 65536)
            await writer.drain()
            written += 65536

    async with listener(flood) as found:
        assert await post(f"http://127.0.0.1:{found.port}/") == Answer(status=200)
    assert written < 100_000_000  # what the buffers of the kernel took


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200_000, "the head of the answer has more than"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "the answer is not of HTTP/1.1"),
        (b"HTTP/1.1 99999 OK\r\n\r\n", "the answer is not of HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\n", "the connection was closed before an answer"),
        (b"", "the connection was closed before an answer"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 9, "only interim answers came"),
    ],
    ids=["endless head", "other protocol", "no status", "half a head", "nothing", "only interim"],
)
async def test_53_what_is_no_answer_is_a_failure(reply: bytes, error: str) -> None:
    async with listener(reply) as found:
        answer = await post(f"http://127.0.0.1:{found.port}/")
    assert answer.status is None
    assert answer.error.startswith(error) or "reset" in answer.error.lower()


async def test_an_interim_answer_is_not_the_answer() -> None:
    reply = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 429 Slow\r\nRetry-After: 120\r\n\r\n"
    async with listener(reply) as found:
        answer = await post(f"http://127.0.0.1:{found.port}/")
    assert answer == Answer(status=429, retry_after="120")


async def test_53_a_receiver_that_hangs_is_left() -> None:
    async def hang(_: StreamReader, __: StreamWriter) -> None:
        await asyncio.Event().wait()

    async def trickle(_: StreamReader, writer: StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"x: y\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    for serving in (hang, trickle):
        async with listener(serving) as found:
            answer = await post(f"http://127.0.0.1:{found.port}/", seconds=0.5)
        assert answer == Answer(error="no answer within 0.5 s")


async def test_nobody_listens() -> None:
    async with listener() as found:
        port = found.port
    answer = await post(f"http://127.0.0.1:{port}/")
    assert answer.status is None
    assert "refused" in answer.error.lower() or "connect call failed" in answer.error.lower()


async def test_a_name_that_does_not_resolve_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(OSError, match="does not resolve"):
        await resolve("nobody.invalid", 443)
    answer = await post("https://nobody.invalid/", allow_private=False)
    assert answer.error.startswith("the name nobody.invalid does not resolve")


async def test_name_servers_that_hang_hold_up_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    real, over = socket.getaddrinfo, threading.Event()

    def hanging(host: str, *rest: Any, **options: Any) -> Any:
        if host.endswith(".invalid"):
            over.wait(60)
        return real("127.0.0.1", *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    stuck = [asyncio.create_task(resolve(f"n{one}.invalid", 443)) for one in range(100)]
    try:
        assert await resolve("acme.example", 443) == ["127.0.0.1"]
        assert not any(task.done() for task in stuck)
    finally:
        over.set()
        await asyncio.gather(*stuck)


async def test_53_the_certificate_is_checked_for_the_name(tmp_path: Path) -> None:
    acme, stranger = authority(tmp_path, "Acme"), authority(tmp_path, "Stranger")
    trusted = ssl.create_default_context(cadata=acme.pem.decode())
    resolver, _ = leads_to("127.0.0.1")
    for issued, status in (
        (acme.issue("receiver.example"), 200),
        (acme.issue("other.example"), None),
        (acme.issue("receiver.example", expired=True), None),
        (stranger.issue("receiver.example"), None),
    ):
        serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        serving.load_cert_chain(issued.cert, issued.key)
        async with listener(tls=serving) as found:
            url = f"https://receiver.example:{found.port}/"
            answer = await post(url, resolve=resolver, tls=trusted)
        assert answer.status == status
        assert status or answer.error.startswith("TLS failed: ")
        assert len(found.heads) == (1 if status else 0)
