"""Run as a program by `ComputePool`: it computes what it is sent, one piece at a time.

Pieces come in by standard input and go out by what was standard output, each with its length. The
end of the input is the end of the program, and the kernel closes it when the parent dies, however
it dies; on Linux a piece in hand is cut short as well.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import pickle
import signal
import struct
import sys
import traceback
from typing import BinaryIO

HEADER = struct.Struct(">Q")
_PR_SET_PDEATHSIG = 1
_NICER = 5
"""Steps down in priority: a call that the service answers by itself goes first."""


def main(warm: list[str]) -> None:
    """Import what takes long before anybody asks, then serve until the input ends."""
    pieces, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not end up among the answers
    _die_with_parent()
    with contextlib.suppress(OSError):
        os.nice(_NICER)
    for name in warm:
        importlib.import_module(name)
    while header := pieces.read(HEADER.size):
        (length,) = HEADER.unpack(header)
        _send(answers, _computed(pieces.read(length)))


def _computed(piece: bytes) -> bytes:
    """The pickled answer: whether it went well, and the result or what went wrong."""
    try:
        function, arguments = pickle.loads(piece)  # noqa: S301 - from the parent, by a pipe
        return pickle.dumps((True, function(*arguments)), protocol=pickle.HIGHEST_PROTOCOL)
    except Exception:  # noqa: BLE001 - the parent raises it
        return pickle.dumps((False, traceback.format_exc()))


def _send(answers: BinaryIO, answer: bytes) -> None:
    answers.write(HEADER.pack(len(answer)))
    answers.write(answer)
    answers.flush()


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
