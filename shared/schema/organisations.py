"""Organisations, their people and their credentials. Written by the command line.

Services read them; event-ingest and its siblings note the last use of a key through
`app.touch_api_key`, and find a key before its organisation is known through `app.find_api_key`.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)

from shared.schema.metadata import metadata, moment, org_id

organisations = Table(
    "organisations",
    metadata,
    org_id(),
    Column("name", Text, nullable=False),
    Column("time_zone", Text, nullable=False, server_default="UTC"),
    Column("currency", Text, nullable=False, server_default="USD"),
    Column("retention_days", Integer, server_default="365", comment="NULL keeps for ever"),
    Column("keep_ip", Boolean, nullable=False, server_default=text("false")),
    Column("calls_per_second", Integer, comment="NULL means no limit"),
    Column("events_per_day", BigInteger, comment="NULL means no quota"),
    moment("created_at"),
)

members = Table(
    "members",
    metadata,
    org_id(),
    Column("subject", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("disabled", Boolean, nullable=False, server_default=text("false")),
    moment("created_at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    org_id(),
    Column("key_id", Text, primary_key=True),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("role", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("scopes", ARRAY(Text), comment="NULL means all that the role has"),
    Column("calls_per_second", Integer, comment="NULL means no limit"),
    moment("expires_at", nullable=True),
    moment("revoked_at", nullable=True),
    moment("last_used_at", nullable=True),
    moment("created_at"),
    # Not unique: a unique key must begin with the organisation. Key ids are random.
    Index("api_keys_key_id", "key_id"),
)

revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    org_id(),
    Column("token_id", Text, primary_key=True),
    moment("expires_at"),
)
