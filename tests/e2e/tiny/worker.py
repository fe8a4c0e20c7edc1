"""The smallest background worker: it has no port and ends when told."""

from __future__ import annotations

import signal

signal.sigwait({signal.SIGTERM})
