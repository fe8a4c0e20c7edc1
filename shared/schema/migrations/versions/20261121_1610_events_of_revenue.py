"""What was earned, among the ingested events: an index, built while others write.

Elasticities are estimated from a year of revenue, which is few among the events of that year. Each
partition is indexed by itself, which keeps nobody from writing to it; interrupted, it goes on where
it was.

Revision ID: 20261121_1610
Revises: 20261121_1600
"""

from alembic import op
from sqlalchemy import text

revision = "20261121_1610"
down_revision = "20261121_1600"
branch_labels = None
depends_on = None

_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"

_OF_REVENUE = "(org_id, occurred_at) WHERE type_id = 23"

_ON_CITUS = "SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus')"

# A partition that is made from now on has its own at once.
_NOT_INDEXED = """
SELECT partition.relname, own.relname IS NOT NULL AND NOT made.indisvalid
FROM pg_inherits AS i
JOIN pg_class AS partition ON partition.oid = i.inhrelid
LEFT JOIN pg_class AS own ON own.relnamespace = partition.relnamespace
  AND own.relname = partition.relname || '_revenue'
LEFT JOIN pg_index AS made ON made.indexrelid = own.oid
WHERE i.inhparent = 'app.events'::regclass AND NOT EXISTS (
  SELECT FROM pg_index AS there JOIN pg_inherits AS whole ON whole.inhrelid = there.indexrelid
  WHERE there.indrelid = partition.oid AND whole.inhparent = 'app.events_revenue'::regclass
)
ORDER BY partition.relname
"""


def upgrade() -> None:
    op.execute(_LOCK_TIMEOUT)
    connection = op.get_bind()
    if connection.scalar(text(_ON_CITUS)):  # which reaches all nodes with this form alone
        op.execute(f"CREATE INDEX IF NOT EXISTS events_revenue ON app.events {_OF_REVENUE}")
        return
    op.execute(f"CREATE INDEX IF NOT EXISTS events_revenue ON ONLY app.events {_OF_REVENUE}")
    partitions = connection.execute(text(_NOT_INDEXED)).all()
    with op.get_context().autocommit_block():
        for name, broken in partitions:
            if broken:
                op.execute(f'DROP INDEX CONCURRENTLY app."{name}_revenue"')
            op.execute(
                f'CREATE INDEX CONCURRENTLY IF NOT EXISTS "{name}_revenue"'
                f' ON app."{name}" {_OF_REVENUE}'
            )
    op.execute(_LOCK_TIMEOUT)
    for name, _ in partitions:
        op.execute(f'ALTER INDEX app.events_revenue ATTACH PARTITION app."{name}_revenue"')


def downgrade() -> None:
    op.execute(_LOCK_TIMEOUT)
    op.execute("DROP INDEX IF EXISTS app.events_revenue")
