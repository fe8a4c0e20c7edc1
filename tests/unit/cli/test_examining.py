"""What the doctor finds without anything running, and what it says to do."""

from __future__ import annotations

import socket
from pathlib import Path

from services.cli.examining import configuration, installation, machine
from services.cli.examining.finding import Finding, State
from shared.data_dir import DataDir
from tests.certificates import authority


def found(findings: object, about: str) -> list[Finding]:
    assert hasattr(findings, "__iter__")
    return [finding for finding in findings if finding.about == about]


def test_settings_that_are_known_are_well() -> None:
    (finding,) = found(configuration.examine({"FOOTFALL_LOG_LEVEL": "debug"}), "settings")
    assert finding.state is State.OK


def test_the_url_of_every_login_is_a_setting(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://x")
    for name, value in (("OWNER_DATABASE_URL", "x"), ("BI_DATABASE_URL_FILE", tmp_path / "url")):
        environ = {f"FOOTFALL_{name}": str(value)}
        (finding,) = found(configuration.examine(environ), "settings")
        assert finding.state is State.OK


def test_a_misspelt_setting_fails_with_the_one_that_was_meant() -> None:
    (finding,) = found(configuration.examine({"FOOTFALL_LOG_LEVLE": "debug"}), "settings")
    assert finding.state is State.FAIL
    assert "FOOTFALL_LOG_LEVEL" in finding.advice


def test_a_stranger_is_not_taken_for_what_it_is_not() -> None:
    (finding,) = found(configuration.examine({"FOOTFALL_QQQQ": "1"}), "settings")
    assert "Did you mean" not in finding.advice


def test_a_value_that_may_not_be_fails_and_is_all_that_is_said() -> None:
    (finding,) = configuration.examine({"FOOTFALL_EVENT_INGEST_PORT": "x"})
    assert finding.state is State.FAIL
    assert "FOOTFALL_EVENT_INGEST_PORT" in finding.advice


def test_certificates_are_looked_at_before_they_expire(tmp_path: Path) -> None:
    issued = authority(tmp_path, "Acme").issue("events")
    environ = {"FOOTFALL_TLS_CERT_FILE": str(issued.cert), "FOOTFALL_TLS_KEY_FILE": str(issued.key)}
    (finding,) = found(configuration.examine(environ), "TLS")
    assert finding.state is State.WARN
    assert "expires in" in finding.found
    issued.key.unlink()
    (broken,) = found(configuration.examine(environ), "TLS")
    assert broken.state is State.FAIL


def test_secrets_that_others_can_read_are_found(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path / "data").prepare()
    data_dir.secret_or_new("token")
    assert not found(machine.examine(data_dir, {}, own_database=True), "secrets")
    (data_dir.secrets / "token").chmod(0o644)
    (finding,) = found(machine.examine(data_dir, {}, own_database=True), "secrets")
    assert finding.advice.startswith("chmod go-rwx")


def test_a_port_in_use_is_a_warning_that_names_its_variable(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environ = {"FOOTFALL_EVENT_INGEST_PORT": str(taken.getsockname()[1])}
        ports = found(machine.examine(DataDir(tmp_path), environ, own_database=True), "ports")
    assert any("FOOTFALL_EVENT_INGEST_PORT" in finding.advice for finding in ports)


def test_the_packages_of_this_environment_are_well() -> None:
    assert all(f.state is State.OK for f in installation.examine(own_database=False))
