"""Settings: one list, read from environment and file, refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.schema.logins import LOGINS
from shared.settings import Settings
from shared.settings_page import page
from shared.settings_source import SettingInvalid, entries, load, unknown_names


def test_with_nothing_set_the_defaults_hold() -> None:
    assert load(Settings, {}) == Settings()


def test_the_environment_sets_every_kind_of_value(tmp_path: Path) -> None:
    settings = load(
        Settings,
        {
            "FOOTFALL_HOST": "::1",
            "FOOTFALL_REFLECTION": "Yes",
            "FOOTFALL_EVENT_INGEST_PORT": "6000",
            "FOOTFALL_ORG_SHARE": "0.25",
            "FOOTFALL_ACCESS_LOG": "ALL",
            "FOOTFALL_DATA_DIR": str(tmp_path),
            "FOOTFALL_TLS_CLIENT_NAMES": "journey, gateway,",
            "FOOTFALL_JWT_KEY_FILES": "/keys/a.pem,/keys/b.pem",
            "PATH": "/bin",
        },
    )
    assert settings.listen.host == "::1"
    assert settings.listen.reflection
    assert settings.event_ingest.port == 6000
    assert settings.calls.org_share == 0.25
    assert settings.telemetry.access_log == "all"
    assert settings.storage.data_dir == tmp_path
    assert settings.listen.tls_client_names == ("journey", "gateway")
    assert settings.identity.jwt_key_files == (Path("/keys/a.pem"), Path("/keys/b.pem"))


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "footfall.toml"
    file.write_text(
        "host = '127.0.0.2'\nreflection = true\ntls_client_names = ['a', 'b']\n"
        "[event_ingest]\nport = 6001\nmetrics_port = 6002\n"
    )
    settings = load(
        Settings, {"FOOTFALL_CONFIG_FILE": str(file), "FOOTFALL_EVENT_INGEST_PORT": "6003"}
    )
    assert settings.listen.host == "127.0.0.2"
    assert settings.listen.reflection
    assert settings.listen.tls_client_names == ("a", "b")
    assert (settings.event_ingest.port, settings.event_ingest.metrics_port) == (6003, 6002)


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://u:p@db/footfall\n")
    settings = load(Settings, {"FOOTFALL_DATABASE_URL_FILE": str(file)})
    assert settings.storage.database_url == "postgresql://u:p@db/footfall"
    with pytest.raises(SettingInvalid, match="both set"):
        load(Settings, {"FOOTFALL_DATABASE_URL_FILE": str(file), "FOOTFALL_DATABASE_URL": "x"})
    with pytest.raises(SettingInvalid, match=r"FOOTFALL_DATABASE_URL_FILE is .* cannot be read"):
        load(Settings, {"FOOTFALL_DATABASE_URL_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize(
    ("name", "text", "needed"),
    [
        ("FOOTFALL_REFLECTION", "perhaps", "true or false"),
        ("FOOTFALL_EVENT_INGEST_PORT", "http", "a whole number"),
        ("FOOTFALL_EVENT_INGEST_PORT", "70000", "65535 is the most"),
        ("FOOTFALL_MAX_CALLS", "0", "1 is the least"),
        ("FOOTFALL_ORG_SHARE", "nan", "0.01 is the least"),
        ("FOOTFALL_ORG_SHARE", "half", "a number"),
        ("FOOTFALL_LOG_LEVEL", "loud", "one of debug, info, warning, error"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name_and_what_is_needed(
    name: str, text: str, needed: str
) -> None:
    with pytest.raises(SettingInvalid, match=f"{name} cannot be '{text}': {needed}"):
        load(Settings, {name: text})


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("= 1")
    for path in (broken, tmp_path / "none"):
        with pytest.raises(SettingInvalid, match="FOOTFALL_CONFIG_FILE"):
            load(Settings, {"FOOTFALL_CONFIG_FILE": str(path)})


def test_what_looks_like_a_setting_and_is_none_is_found(tmp_path: Path) -> None:
    file = tmp_path / "footfall.toml"
    file.write_text("hots = 'x'\n[event_ingest]\nprot = 1\n")
    environ = {
        "FOOTFALL_CONFIG_FILE": str(file),
        "FOOTFALL_DATABASE_URL_FILE": "/run/secrets/url",
        "FOOTFALL_MAX_CALS": "1",
        "HOME": "/",
    }
    assert unknown_names(Settings, environ) == [
        "FOOTFALL_EVENT_INGEST_PROT",
        "FOOTFALL_HOTS",
        "FOOTFALL_MAX_CALS",
    ]


def test_set_to_nothing_is_not_set() -> None:
    assert load(Settings, {"FOOTFALL_DATABASE_URL": ""}).storage.database_url is None


def test_the_page_in_the_docs_is_the_list() -> None:
    kept = Path(__file__).parents[3] / "docs" / "settings.md"
    assert kept.read_text() == page(), "run: python -m shared.settings_page > docs/settings.md"


def test_every_login_may_bring_its_url() -> None:
    names = {entry.name for entry in entries(Settings)}
    assert {login.variable for login in LOGINS} <= names


def test_each_setting_is_documented_and_no_name_is_given_twice() -> None:
    found = list(entries(Settings))
    names = [name for entry in found for name in entry.names]
    assert len(set(names)) == len(names)
    for entry in found:
        assert entry.bounds.doc.endswith("."), entry.name
