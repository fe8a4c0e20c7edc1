"""Every setting of Footfall, in one list: name, meaning, default, bounds.

Values come from the environment (`FOOTFALL_…`) and from an optional TOML file that
`FOOTFALL_CONFIG_FILE` names; the environment wins. In the file the prefix is dropped and tables
join with an underscore: `[event_ingest]` with `port = 1` is FOOTFALL_EVENT_INGEST_PORT. A secret
may also be given as the name of a file, in the variable with `_FILE` behind it.

Settings are read once, by whoever wires a program, and passed on; nothing reads the environment
later. `docs/settings.md` is this list, printed; a test compares them.
"""

# ruff: noqa: FBT003, RUF009 - `setting` makes a field of a dataclass

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from shared.settings_source import Bounds, Section

LogFormat = Literal["auto", "json", "text"]
AccessLog = Literal["errors", "all", "off"]
LogLevel = Literal["debug", "info", "warning", "error"]


def setting(
    default: Any,
    doc: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    secret: bool = False,
) -> Any:
    """A field of a section: what it is when nobody says, what it means, what is allowed."""
    return field(default=default, metadata={"bounds": Bounds(doc, at_least, at_most, secret)})


def prometheus_port(port: int) -> Any:
    """A field for where metrics are asked for."""
    return setting(port, "Port for Prometheus; 0 takes any free one.", at_least=0, at_most=65535)


@dataclass(frozen=True, slots=True)
class StorageSettings(Section):
    """Where data lives."""

    data_dir: Path | None = setting(
        None,
        "Directory of the embedded database, secrets, logs and run files. Unset: "
        "`/var/lib/footfall` for root, the user's data directory otherwise.",
    )
    database_url: str | None = setting(
        None,
        "URL of any Postgres from version 15 on, as an administrator, for the command line. Unset: "
        "the embedded one.",
        secret=True,
    )
    postgres_port: int = setting(
        50432, "Port of the embedded Postgres, on 127.0.0.1.", at_least=1, at_most=65535
    )
    audit_anchors_file: Path | None = setting(
        None,
        "File outside the database that the ends of audit logs are appended to, and compared with; "
        "unset: `audit-anchors.jsonl` in the data directory. Best where who may write the database "
        "cannot write.",
    )


@dataclass(frozen=True, slots=True)
class LoginSettings(Section):
    """Database URLs of the logins, where the operator manages their passwords."""

    owner_database_url: str | None = setting(
        None, "As the owner of the schema, for the command line.", secret=True
    )
    maintenance_database_url: str | None = setting(
        None, "As the login of retention and other work across organisations.", secret=True
    )
    bi_database_url: str | None = setting(None, "As the login that only reads.", secret=True)


@dataclass(frozen=True, slots=True)
class ListenSettings(Section):
    """How services listen and whom they let in."""

    host: str = setting("127.0.0.1", "Address to listen on; others than loopback need TLS.")
    allow_plaintext: bool = setting(
        False, "Listen on other addresses than loopback without TLS, behind a proxy that has it."
    )
    so_reuseport: bool = setting(False, "Let several processes share one port (Linux).")
    reflection: bool = setting(
        False, "Tell tools the API without a credential; `footfall up` turns it on."
    )
    tls_cert_file: Path | None = setting(None, "Certificate chain in PEM; turns TLS on.")
    tls_key_file: Path | None = setting(
        None, "Private key of the certificate, in PEM: RSA from 2048 bits on, or P-256 and larger."
    )
    tls_client_ca_file: Path | None = setting(
        None, "Authorities whose client certificates are asked for and accepted (mTLS)."
    )
    tls_client_names: tuple[str, ...] = setting(
        (), "Names (SAN) that a client certificate must have one of; empty accepts all names."
    )
    tls_ca_file: Path | None = setting(
        None, "Authorities that services trust when they call each other; unset: the system's."
    )


@dataclass(frozen=True, slots=True)
class CallSettings(Section):
    """How much a service takes on, and for how long."""

    default_deadline_seconds: float = setting(
        30.0, "Deadline of a unary call that comes without one.", at_least=0.1, at_most=3600
    )
    stream_life_seconds: float = setting(
        1800.0, "After so long a stream ends and says so; clients resume.", at_least=1
    )
    max_message_bytes: int = setting(
        4 * 1024 * 1024, "Largest request, decompressed.", at_least=64 * 1024, at_most=64 * 1024**2
    )
    max_calls: int = setting(
        1024, "Unary calls in hand at once, per process; more are told to retry.", at_least=1
    )
    max_streams: int = setting(1024, "Streams open at once, per process.", at_least=1)
    org_share: float = setting(
        0.5, "Part of both that one organisation may hold.", at_least=0.01, at_most=1
    )
    stop_notice_seconds: float = setting(
        0.2, "From NOT_SERVING to the closing of the port, for balancers.", at_least=0, at_most=60
    )
    drain_seconds: float = setting(
        8.0, "Time to finish what is in hand when stopping.", at_least=0, at_most=600
    )
    token_key_file: Path | None = setting(
        None,
        "Key (32 bytes or more) that signs page and resume tokens; the same for all processes. "
        "Unset: made at first use in the data directory.",
    )


@dataclass(frozen=True, slots=True)
class IdentitySettings(Section):
    """Whose credentials are accepted."""

    jwt_issuer: str | None = setting(None, "The `iss` that tokens must have; unset: no tokens.")
    jwt_audience: str = setting("footfall", "The `aud` that tokens must have.")
    jwt_jwks_url: str | None = setting(None, "HTTPS address of the issuer's keys (JWKS).")
    jwt_jwks_file: Path | None = setting(None, "File with the issuer's keys (JWKS).")
    jwt_key_files: tuple[Path, ...] = setting(
        (), "Public keys in PEM; the name of a file without its suffix is the key's id."
    )
    internal_key_file: Path | None = setting(
        None,
        "Ed25519 key with which services sign their calls to each other. Unset: made at first use "
        "in the data directory.",
    )
    internal_public_key_files: tuple[Path, ...] = setting(
        (), "Further public keys that calls between services may be signed with, for rotation."
    )


@dataclass(frozen=True, slots=True)
class TelemetrySettings(Section):
    """What services tell about themselves."""

    log_level: LogLevel = setting("info", "Least level of our own log lines.")
    log_format: LogFormat = setting("auto", "`auto` writes text on a terminal, JSON elsewhere.")
    access_log: AccessLog = setting("errors", "Which calls get a log line.")
    metrics_host: str = setting(
        "127.0.0.1",
        "Address that the metrics of every service listen on, without a credential: no further "
        "than a private network.",
    )
    otlp_endpoint: str | None = setting(
        None, "Where traces go (OTLP over gRPC); needs the extra `otel`. Unset: no traces."
    )
    otlp_sample_ratio: float = setting(
        0.05, "Part of the traces begun here that is kept.", at_least=0, at_most=1
    )


@dataclass(frozen=True, slots=True)
class CommandLineSettings(Section):
    """What commands call services with, where options do not say it."""

    api_key: str | None = setting(None, "API key of the caller.", secret=True)
    address: str | None = setting(
        None,
        "Where event-ingest is. Unset: what runs on the data directory, else its documented port "
        "on this machine.",
    )
    insight_address: str | None = setting(
        None,
        "Where insight is; unset: likewise. journey calls it there too; `footfall up` tells it the "
        "address.",
    )
    journey_address: str | None = setting(None, "Where journey is; unset: likewise.")
    pricing_address: str | None = setting(None, "Where pricing is; unset: likewise.")


@dataclass(frozen=True, slots=True)
class EventIngestSettings(Section):
    """The service event-ingest."""

    prefix: ClassVar[str] = "EVENT_INGEST_"

    port: int = setting(50051, "Port for gRPC; 0 takes any free one.", at_least=0, at_most=65535)
    metrics_port: int = prometheus_port(51051)
    database_url: str | None = setting(
        None, "URL of the database as the service's own login.", secret=True
    )
    pool_size: int = setting(8, "Connections to the database, per process.", at_least=2)
    rejected_bytes_per_day: int = setting(
        64 * 1024 * 1024,
        "Bytes of refused events that are kept per organisation and day (UTC); what goes beyond is "
        "counted and not kept.",
        at_least=0,
    )


@dataclass(frozen=True, slots=True)
class EventIngestWorkerSettings(Section):
    """The worker of event-ingest: sessions, retention, partitions."""

    prefix: ClassVar[str] = "EVENT_INGEST_WORKER_"

    metrics_port: int = prometheus_port(51061)


@dataclass(frozen=True, slots=True)
class InsightSettings(Section):
    """The service insight."""

    prefix: ClassVar[str] = "INSIGHT_"

    port: int = setting(50052, "Port for gRPC; 0 takes any free one.", at_least=0, at_most=65535)
    metrics_port: int = prometheus_port(51052)
    database_url: str | None = setting(
        None, "URL of the database as the service's own login.", secret=True
    )
    pool_size: int = setting(8, "Connections to the database, per process.", at_least=2)


@dataclass(frozen=True, slots=True)
class WebhookSettings(Section):
    """What is sent to receivers outside."""

    prefix: ClassVar[str] = "WEBHOOKS_"

    allow_private: bool = setting(
        False,
        "Let webhooks go to this machine (by `http` too), to private networks and to any port; for "
        "development and tests.",
    )


@dataclass(frozen=True, slots=True)
class InsightWorkerSettings(Section):
    """The worker of insight: when the detectors run by themselves. It sends webhooks too."""

    prefix: ClassVar[str] = "INSIGHT_WORKER_"

    metrics_port: int = prometheus_port(51062)
    every_minutes: int = setting(
        60,
        "So long after its last run an organisation has another, if events came since; without "
        "any, a day after.",
        at_least=1,
        at_most=1440,
    )
    soon_seconds: float = setting(
        30.0,
        "So long after an event that matters to detectors its organisation has a run; what comes "
        "meanwhile shares it.",
        at_least=0.1,
        at_most=3600,
    )
    rest_seconds: float = setting(
        60.0,
        "Events alone make no run of an organisation sooner after its last.",
        at_least=0,
        at_most=86400,
    )
    runs_at_once: int = setting(
        4,
        "Runs in hand at once, per process; never two of one organisation.",
        at_least=1,
        at_most=64,
    )
    lease_seconds: float = setting(
        30.0,
        "A worker that gave no sign of life for so long counts as dead, and its jobs are done "
        "again.",
        at_least=1,
        at_most=3600,
    )
    retry_seconds: float = setting(
        5.0,
        "Pause before the second try of a run that failed; each further one takes three times as "
        "long. After five tries it waits for a person.",
        at_least=0.01,
        at_most=3600,
    )


@dataclass(frozen=True, slots=True)
class JourneySettings(Section):
    """The service journey."""

    prefix: ClassVar[str] = "JOURNEY_"

    port: int = setting(50053, "Port for gRPC; 0 takes any free one.", at_least=0, at_most=65535)
    metrics_port: int = prometheus_port(51053)
    database_url: str | None = setting(
        None, "URL of the database as the service's own login.", secret=True
    )
    pool_size: int = setting(8, "Connections to the database, per process.", at_least=2)
    insight_budget_ms: int = setting(
        50,
        "How long GetNextBestAction waits for insight when journey has no signals of the client.",
        at_least=1,
        at_most=5000,
    )


@dataclass(frozen=True, slots=True)
class JourneyWorkerSettings(Section):
    """The worker of journey: what changes as time passes, and signals from insight."""

    prefix: ClassVar[str] = "JOURNEY_WORKER_"

    metrics_port: int = prometheus_port(51063)
    signals_minutes: int = setting(
        15,
        "So often the signals of all clients are fetched from insight.",
        at_least=1,
        at_most=1440,
    )


@dataclass(frozen=True, slots=True)
class PricingSettings(Section):
    """The service pricing."""

    prefix: ClassVar[str] = "PRICING_"

    port: int = setting(50054, "Port for gRPC; 0 takes any free one.", at_least=0, at_most=65535)
    metrics_port: int = prometheus_port(51054)
    database_url: str | None = setting(
        None, "URL of the database as the service's own login.", secret=True
    )
    pool_size: int = setting(8, "Connections to the database, per process.", at_least=2)
    statistics_processes: int = setting(
        1, "Processes beside the service that compute statistics.", at_least=1, at_most=16
    )


@dataclass(frozen=True, slots=True)
class PricingWorkerSettings(Section):
    """The worker of pricing: what expires, what takes effect, what is written down outside."""

    prefix: ClassVar[str] = "PRICING_WORKER_"

    metrics_port: int = prometheus_port(51064)
    anchor_seconds: float = setting(
        30.0,
        "After how long the ends of audit logs that moved are written down outside the database.",
        at_least=0.1,
        at_most=60,
    )


@dataclass(frozen=True, slots=True)
class Settings(Section):
    """All of them."""

    storage: StorageSettings = field(default_factory=StorageSettings)
    logins: LoginSettings = field(default_factory=LoginSettings)
    listen: ListenSettings = field(default_factory=ListenSettings)
    calls: CallSettings = field(default_factory=CallSettings)
    identity: IdentitySettings = field(default_factory=IdentitySettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    command_line: CommandLineSettings = field(default_factory=CommandLineSettings)
    event_ingest: EventIngestSettings = field(default_factory=EventIngestSettings)
    event_ingest_worker: EventIngestWorkerSettings = field(
        default_factory=EventIngestWorkerSettings
    )
    insight: InsightSettings = field(default_factory=InsightSettings)
    webhooks: WebhookSettings = field(default_factory=WebhookSettings)
    insight_worker: InsightWorkerSettings = field(default_factory=InsightWorkerSettings)
    journey: JourneySettings = field(default_factory=JourneySettings)
    journey_worker: JourneyWorkerSettings = field(default_factory=JourneyWorkerSettings)
    pricing: PricingSettings = field(default_factory=PricingSettings)
    pricing_worker: PricingWorkerSettings = field(default_factory=PricingWorkerSettings)
