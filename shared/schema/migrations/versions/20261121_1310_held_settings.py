"""A writer holds the settings that it counts by: time zone and currency of its organisation.

Revision ID: 20261121_1310
Revises: 20261121_1300
"""

from alembic import op

from shared.schema.held_settings import HOLD_SETTINGS

revision = "20261121_1310"
down_revision = "20261121_1300"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(HOLD_SETTINGS)
    op.execute(
        "GRANT EXECUTE ON FUNCTION app.hold_settings(uuid, text, text) TO footfall_event_ingest"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP FUNCTION app.hold_settings(uuid, text, text)")
