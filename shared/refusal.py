"""What stands in the way of a start, told to the operator.

These never reach a caller over the wire (`shared.errors` is for those): the command line prints the
message and exits with a failure, so the message says what was found and what to change.
"""

from __future__ import annotations


class StartRefused(Exception):
    """The start was refused; the message says what to change."""
