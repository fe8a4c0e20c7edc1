"""HTTP/2 by hand, for requests that no gRPC library would send."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence

_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_FRAME = 16_384


async def grpc_call(
    address: str, path: str, body: bytes, headers: Sequence[tuple[str, str]] = ()
) -> None:
    """Send one call and return when the server has answered it, whatever the answer."""
    host, port = address.rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(_SETTINGS, 0, 0, b""))
        fixed = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", address)]
        block = _block([*fixed, ("te", "trailers"), ("content-type", "application/grpc"), *headers])
        writer.write(_frame(_HEADERS, _END_HEADERS, 1, block))
        await _exchange(reader, writer, body)
    finally:
        writer.close()


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes
) -> None:
    """Send the body as the server's windows allow, until it ends the stream or the connection."""
    windows = {0: 65_535, 1: 65_535}
    initial = 65_535
    while True:
        while body and (room := min(*windows.values(), _FRAME)) > 0:
            part, body = body[:room], body[room:]
            writer.write(_frame(_DATA, 0 if body else _END_STREAM, 1, part))
            windows = {stream: window - len(part) for stream, window in windows.items()}
        try:
            kind, flags, stream, payload = await _read_frame(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        if kind == _SETTINGS and not flags & _ACK:
            for name, value in struct.iter_unpack(">HI", payload):
                if name == 4:
                    windows[1] += value - initial
                    initial = value
            writer.write(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _WINDOW_UPDATE:
            windows[stream] = windows.get(stream, 0) + struct.unpack(">I", payload)[0]
        elif kind in (_RST_STREAM, _GOAWAY) or (kind == _HEADERS and flags & _END_STREAM):
            return


async def _read_frame(reader: asyncio.StreamReader) -> tuple[int, int, int, bytes]:
    head = await reader.readexactly(9)
    payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
    return head[3], head[4], int.from_bytes(head[5:], "big") & 0x7FFFFFFF, payload


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return (
        len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
    )


def _block(headers: Sequence[tuple[str, str]]) -> bytes:
    """Headers as HPACK literals that nobody indexes."""
    return b"".join(b"\x00" + _text(name) + _text(value) for name, value in headers)


def _text(text: str) -> bytes:
    raw = text.encode("latin-1")
    assert len(raw) < 127
    return bytes([len(raw)]) + raw
