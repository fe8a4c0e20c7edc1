"""Refused events are kept up to so many bytes a day, not only up to a number.

Revision ID: 20261121_1320
Revises: 20261121_1310
"""

from alembic import op

revision = "20261121_1320"
down_revision = "20261121_1310"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE app.rejected_days ADD COLUMN kept_bytes bigint NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE app.rejected_days DROP COLUMN kept_bytes")
