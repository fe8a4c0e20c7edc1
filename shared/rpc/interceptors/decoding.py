"""Decoding: bytes become the request, or the caller hears that they are none.

grpc would do this itself and send the library's exception text to the caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError, Message

from shared.errors import UndecodableRequest
from shared.rpc.chain import Concern

if TYPE_CHECKING:
    from shared.rpc.call import Call
    from shared.rpc.methods import Method


def decoding(method: Method) -> Concern:
    """Read each message of the method's request type."""
    decode = method.request_type.FromString

    def receive(_: Call, raw: bytes) -> Message:
        try:
            return decode(raw)
        except DecodeError:
            raise UndecodableRequest from None  # its text is the library's, not ours

    return Concern(receive=receive)
