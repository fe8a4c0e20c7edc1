"""Alembic's entry: runs the versions on the connection that `shared.schema.migrate` hands over."""

from alembic import context

from shared.schema import metadata
from shared.schema.metadata import SCHEMA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="schema_version",
    version_table_schema=SCHEMA,
    include_schemas=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
