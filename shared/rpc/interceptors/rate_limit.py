"""Rate limits of an organisation and of a key: off until set, and then exact over any second.

A limit is a token bucket that holds one second's worth. The buckets live in this process alone, so
several processes on one port allow their sum; the limit protects the service, it is no invoice.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.errors import QuotaExhausted, QuotaViolation
from shared.rpc.chain import Concern, ConcernFor

if TYPE_CHECKING:
    from shared.rpc.call import Call
    from shared.rpc.methods import Method

_MOST_BUCKETS = 100_000


class Buckets:
    """One token bucket per name; the one not used for longest is forgotten when there are many."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, per_second: int) -> float:
        """Take one token: 0.0, or the seconds until there will be one."""
        now = self._now()
        tokens, then = self._buckets.pop(name, (float(per_second), now))
        tokens = min(float(per_second), tokens + (now - then) * per_second)
        taken = tokens >= 1
        self._buckets[name] = (tokens - 1 if taken else tokens, now)
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1 - tokens) / per_second


def rate_limit(buckets: Buckets) -> ConcernFor:
    """Refuse what comes faster than the credential's limits allow."""

    def enter(call: Call) -> None:
        credential = call.credential
        assert credential is not None
        if credential.key_calls_per_second is not None:
            key = f"key {credential.identity.key_id}"
            _take(buckets, "key_calls_per_second", key, credential.key_calls_per_second)
        if credential.org_calls_per_second is not None:
            org = f"organisation {credential.identity.org_id}"
            _take(buckets, "org_calls_per_second", org, credential.org_calls_per_second)

    def concern(method: Method) -> Concern | None:
        return None if method.open else Concern(enter=enter)

    return concern


def _take(buckets: Buckets, limit: str, subject: str, per_second: int) -> None:
    if wait := buckets.take(subject, per_second):
        allowed = f"{per_second} calls per second"
        raise QuotaExhausted(
            quota=[QuotaViolation(subject, allowed)], retry_after=wait, limit=limit
        )
