"""Run as a program by `shared.child.start`: it settles who it is, then becomes the child.

Nothing here may import more than the standard library: it runs without the project on its path.
"""

import ctypes
import json
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_NOT_FOUND = 127


def main() -> int:
    """Read the order, obey it in the order the kernel demands, and become the program."""
    order = json.loads(sys.argv[1])
    if order["account"] is not None:
        user, group = order["account"]
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
    if order["dies_with"] is not None and sys.platform == "linux":
        # After the account: the kernel forgets the setting when the account changes.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, order["dies_with"], 0, 0, 0)
        if os.getppid() != order["parent"]:  # it died before the line above
            return 1
    for ignored in ("SIGPIPE", "SIGXFSZ"):  # by Python, and so by what it becomes
        if hasattr(signal, ignored):
            signal.signal(getattr(signal, ignored), signal.SIG_DFL)
    argv = sys.argv[2:]
    try:
        os.chdir(order["directory"])
        os.execv(argv[0], argv)  # noqa: S606 - a shell would be one program too many
    except OSError as error:
        sys.stderr.write(f"cannot start {argv[0]}: {error}\n")
    return _NOT_FOUND


if __name__ == "__main__":
    sys.exit(main())
