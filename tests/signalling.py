"""Signals on their way: events into event-ingest, through insight, to journey."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from footfall.insights.v1 import signals_pb2
from footfall.journey.v1 import clients_pb2
from tests.ingesting import Caller, event
from tests.insighting import Asker
from tests.journeying import NOWHERE, WORKER, Traveller
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
LONG_AGO = NOON - timedelta(days=3000)
_PATIENCE_SECONDS = 90.0


def until(holds: Callable[[], object], seconds: float = _PATIENCE_SECONDS) -> None:
    """Wait for something that is on its way."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.05)


def use(backend: Caller, asker: Asker, uses: Mapping[str, int]) -> None:
    """Let each client use features so often, and wait until that is counted."""
    events = [
        event("feature_used", client_id=client_id, feature="export", occurred_at=NOON)
        for client_id, count in uses.items()
        for _ in range(count)
    ]
    assert set(backend.verdicts(*events)) == {"ACCEPTED"}
    # For another time than anybody else asks: the fleet's quartile is remembered for a minute.
    request = signals_pb2.GetClientSignalsRequest(client_id="nobody")
    request.as_of.FromDatetime(LONG_AGO)
    until(lambda: asker.call("GetClientSignals", request).signals.lag_seconds == 0)


def make_known(traveller: Traveller, *client_ids: str) -> None:
    """Tell journey of clients."""
    for client_id in client_ids:
        client = clients_pb2.Client(client_id=client_id, name=client_id)
        traveller.call("UpsertClient", clients_pb2.UpsertClientRequest(client=client))


def kept(organisation: Organisation) -> dict[str, tuple[int, float | None]]:
    """Uses and quartile that journey keeps of each client."""
    rows = organisation.database.execute(
        "SELECT client_id, feature_uses, feature_uses_p25 FROM app.client_signals"
        " WHERE org_id = %s",
        organisation.org_id,
    )
    return {client_id: (uses, p25) for client_id, uses, p25 in rows}


def findings(organisation: Organisation, client_id: str) -> dict[int, dict[str, Any]]:
    """The risks of a client as they stand in lists, without anybody's asking for it."""
    [(found,)] = organisation.database.execute(
        "SELECT findings FROM app.client_states WHERE org_id = %s AND client_id = %s",
        organisation.org_id,
        client_id,
    )
    return {one["risk"]: one for one in found}


def sweep_again(organisation: Organisation) -> None:
    """Let the last sweep, once it is over, be long ago."""
    until(
        lambda: organisation.database.execute(
            "UPDATE app.signal_sweeps SET tried_at = tried_at - interval '1 day',"
            " swept_at = swept_at - interval '1 day'"
            " WHERE org_id = %s AND swept_at = tried_at RETURNING org_id",
            organisation.org_id,
        )
    )


def sweeps(organisation: Organisation) -> tuple[bool, int, int]:
    """Whether it was swept of late, of how many clients, and the failures in a row since."""
    rows = organisation.database.execute(
        "SELECT coalesce(swept_at > now() - interval '1 hour', false), clients, failures"
        " FROM app.signal_sweeps WHERE org_id = %s",
        organisation.org_id,
    )
    return rows[0] if rows else (False, 0, 0)


@contextmanager
def sweeping(
    database: MigratedDatabase, insight: str = NOWHERE, log: Path = Path(os.devnull)
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker of journey on this database, which asks insight at that address."""
    settings = {
        "FOOTFALL_DATA_DIR": str(database.data_dir.root),
        "FOOTFALL_JOURNEY_WORKER_METRICS_PORT": "0",
        "FOOTFALL_JOURNEY_DATABASE_URL": database.urls["footfall_journey"],
        "FOOTFALL_MAINTENANCE_DATABASE_URL": database.urls["footfall_maintenance"],
        "FOOTFALL_INSIGHT_ADDRESS": insight,
    }
    with log.open("ab") as said:
        worker = subprocess.Popen(
            [sys.executable, "-m", WORKER], env={**os.environ, **settings}, stderr=said
        )
    try:
        yield worker
    finally:
        worker.kill()
        worker.wait(timeout=30)
