"""The index of what was earned: on every partition, and finished after an interruption."""

from __future__ import annotations

import pytest

from shared.schema import migrate
from tests.integration.shared.schema.test_versions import move
from tests.postgres import MigratedDatabase

BEFORE, AFTER = "20261121_1600", "20261121_1610"
PARTITION = "events_timeless"

REVISION = "SELECT version_num FROM app.schema_version"
WHOLE = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'app.events_revenue'::regclass"
PARTITIONS = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'app.events'::regclass"
INDEXED = """
SELECT count(*) FROM pg_inherits AS i JOIN pg_index AS own ON own.indexrelid = i.inhrelid
WHERE i.inhparent = 'app.events_revenue'::regclass AND own.indisvalid
"""


def whole(database: MigratedDatabase) -> bool:
    """Whether it is valid, and each partition has its part."""
    return database.execute(WHOLE) == [(True,)] and (
        database.execute(INDEXED) == database.execute(PARTITIONS)
    )


@pytest.mark.parametrize("left", ["nothing", "whole", "broken"])
def test_it_is_whole_whatever_was_left(database: MigratedDatabase, left: str) -> None:
    while database.execute(REVISION) != [(BEFORE,)]:
        move(database, migrate._config(), "-1")
    if left != "nothing":
        columns = "(org_id, occurred_at) WHERE type_id = 23"
        database.execute(f"CREATE INDEX events_revenue ON ONLY app.events {columns}")
        database.execute(f"CREATE INDEX {PARTITION}_revenue ON app.{PARTITION} {columns}")
        database.execute(
            "UPDATE pg_index SET indisvalid = %s WHERE indexrelid = %s::text::regclass",
            left == "whole",
            f"app.{PARTITION}_revenue",
            login=None,
        )
        assert not whole(database)
    move(database, migrate._config(), AFTER)
    assert whole(database)


def test_a_partition_made_afterwards_has_its_part(database: MigratedDatabase) -> None:
    database.execute(
        "CREATE TABLE app.events_late PARTITION OF app.events"
        " FOR VALUES FROM ('2900-01-01Z') TO ('2900-02-01Z')"
    )
    assert whole(database)
