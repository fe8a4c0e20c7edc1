"""A receiver of webhooks as the world has them: honest, slow, broken, gone.

`verified` is the check that the specification of Standard Webhooks 1.0.0 asks of receivers, written
from its text and not from our code.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOLERANCE_SECONDS = 300


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]


@dataclass(frozen=True)
class Reply:
    """What to answer: after a pause, or never."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    never: bool = False


Answering = Callable[[Received], Reply]


@dataclass
class Receiver:
    """A server on loopback that remembers what it was sent."""

    port: int
    received: list[Received]
    closing: threading.Event
    answering: Answering
    answered: list[Received] = field(default_factory=list)
    """Those whose sender still lived when their answer was ready: no other has been dealt with."""

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    receiver: Receiver

    def handle_error(self, *_: Any) -> None:
        pass  # a sender that was killed


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        came = Received(self.path, headers, body, time.time())
        receiver.received.append(came)
        reply = receiver.answering(came)
        receiver.closing.wait(3600 if reply.never else reply.seconds)
        self.close_connection = True
        if not reply.never and self._sender_lives():
            receiver.answered.append(came)
            self._reply(reply)

    def _sender_lives(self) -> bool:
        try:
            return bool(self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return True  # it says nothing more, and waits
        except OSError:
            return False

    def _reply(self, reply: Reply) -> None:
        try:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()
        except OSError:
            pass  # the sender may be dead by now

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def running_receiver(answering: Answering = lambda _: Reply()) -> Iterator[Receiver]:
    """A server on a free port of loopback, gone afterwards with all that hangs on it."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        receiver = Receiver(server.server_address[1], [], threading.Event(), answering)
        server.receiver = receiver
        serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        serving.start()
        try:
            yield receiver
        finally:
            receiver.closing.set()
            server.shutdown()
            serving.join()


class NotGenuine(Exception):
    """A receiver must not believe this request."""


def verified(
    secret: str, headers: Mapping[str, str], body: bytes, now: float | None = None
) -> bytes:
    """The body, if it is what the holder of the secret sent, now."""
    try:
        message_id, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
        signatures = headers["webhook-signature"]
        sent = int(timestamp)
    except (KeyError, ValueError):
        raise NotGenuine("headers") from None
    if abs((time.time() if now is None else now) - sent) > TOLERANCE_SECONDS:
        raise NotGenuine("time")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    for one in signatures.split(" "):
        version, _, signature = one.partition(",")
        if version == "v1" and hmac.compare_digest(signature, expected):
            return body
    raise NotGenuine("signature")
