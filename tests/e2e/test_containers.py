"""Dockerfile and docker-compose.yml, read as text: what can be said of them without an engine."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.cli.suite import SUITE
from shared.schema.logins import LOGINS
from shared.settings import Settings
from shared.settings_source import entries

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def section(name: str) -> str:
    """What stands below a key of the first column."""
    found = re.search(rf"^{name}:.*\n((?:(?: .*)?\n)*)", COMPOSE, re.MULTILINE)
    assert found is not None, name
    return found[1]


def blocks(name: str) -> dict[str, str]:
    """The entries of a section, each with its text."""
    parts = re.split(r"^  ([\w-]+):", section(name), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


SERVICES = blocks("services")
OURS = sorted(name for name, block in SERVICES.items() if "<<: *footfall" in block)


def test_every_program_of_the_suite_has_a_container() -> None:
    """A service that `footfall up` starts and compose does not would be missed in production."""
    for program in SUITE:
        name = program.name.replace("_", "-")
        assert f"command: [run, {name}]" in SERVICES[name]


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_has_no_more_rights_than_it_needs(name: str) -> None:
    hardened = section("x-hardened") + section("x-footfall")
    assert "<<: *hardened" in SERVICES[name] or name in OURS
    for rule in ("read_only: true", "cap_drop: [ALL]", "no-new-privileges:true", "core: 0"):
        assert rule in hardened
    limits = SERVICES[name] + (section("x-footfall") if name in OURS else "")
    for limit in ("mem_limit:", "cpus:", "pids_limit:"):
        assert limit in limits


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_come_by_file_and_only_those_that_are_needed(name: str) -> None:
    block = SERVICES[name]
    listed = re.search(r"^    secrets:(.*(?:\n      - .*)*)", block, re.MULTILINE)
    mounted = set(re.findall(r"\w+", listed[1])) if listed else set()
    assert mounted == set(re.findall(r"/run/secrets/(\w+)", block))
    assert mounted <= blocks("secrets").keys()
    assert re.findall(r"^ +\w*(?:PASSWORD|URL|KEY|SECRET|TOKEN): .*", block, re.MULTILINE) == []


def test_a_service_gets_the_passwords_of_its_own_logins_alone() -> None:
    for program in SUITE:
        block = SERVICES[program.name.replace("_", "-")]
        own = {f"{login.removeprefix('footfall_')}_url" for login in program.logins}
        assert set(re.findall(r"/run/secrets/(\w+_url)", block)) == own


def test_only_callers_reach_in_and_only_from_this_machine() -> None:
    published = {name: re.findall(r"ports: (.*)", block) for name, block in SERVICES.items()}
    assert {name: found for name, found in published.items() if found} == {
        "event-ingest": ['["${PUBLISH:-127.0.0.1:50051}:50051"]'],
        "insight": ['["${PUBLISH_INSIGHT:-127.0.0.1:50052}:50052"]'],
        "journey": ['["${PUBLISH_JOURNEY:-127.0.0.1:50053}:50053"]'],
        "pricing": ['["${PUBLISH_PRICING:-127.0.0.1:50054}:50054"]'],
    }
    assert "internal: true" in blocks("networks")["database"]


def test_the_ports_of_the_image_are_those_of_the_suite() -> None:
    """One image runs every program: what any of them listens on is documented there."""
    exposed = re.findall(r"^EXPOSE (.*)", DOCKERFILE, re.MULTILINE)[-1].split()
    assert exposed == [str(port) for port in sorted(_ports())]


def _ports() -> set[int]:
    ports = {port for program in SUITE for port in (program.port, program.metrics_port)}
    return {port for port in ports if port is not None}


def test_every_setting_that_is_named_exists() -> None:
    """A misspelt variable would be a warning in a log that nobody reads."""
    known = {name for entry in entries(Settings) for name in entry.names}
    known |= {f"{login.variable}_FILE" for login in LOGINS}
    named = set(re.findall(r"^ +(FOOTFALL_\w+)[:=]", COMPOSE + DOCKERFILE, re.MULTILINE))
    assert named - known == set()
    assert "FOOTFALL_REFLECTION" not in named, "off by default, and so it stays in the image"


def test_the_image_runs_as_nobody_in_particular_and_is_built_from_pins() -> None:
    last_stage = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (.*)", last_stage, re.MULTILINE) == ["10001:10001"]
    assert "pip" not in last_stage
    assert DOCKERFILE.count("--require-hashes") == DOCKERFILE.count("--requirement")
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*", "everything is left out"


def test_image_and_compose_say_the_version_of_the_project() -> None:
    assert f"ARG VERSION={VERSION}\n" in DOCKERFILE
    assert f"image: footfall:{VERSION}\n" in COMPOSE


def test_the_script_makes_the_secrets_that_compose_mounts(tmp_path: Path) -> None:
    made = _secrets(tmp_path)
    assert set(made) == blocks("secrets").keys()
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert isinstance(load_pem_private_key(made["internal_key"], None), Ed25519PrivateKey)
    assert len(made["token_key"]) >= 32
    for login in LOGINS:
        url = made[f"{login.name.removeprefix('footfall_')}_url"].decode()
        assert re.fullmatch(rf"postgresql://{login.name}:\w{{64}}@postgres:5432/footfall\n", url)
    passwords = re.findall(rb":(\w{64})@", b"".join(made.values()))
    assert len(set(passwords)) == len(LOGINS) + 1


def test_the_script_changes_nothing_that_is_there(tmp_path: Path) -> None:
    first = _secrets(tmp_path)
    (tmp_path / "secrets/bi_url").unlink()
    second = _secrets(tmp_path)
    assert second.keys() == first.keys()
    assert {name for name in first if first[name] != second[name]} == {"bi_url"}


def _secrets(place: Path) -> dict[str, bytes]:
    (place / "deploy").mkdir(exist_ok=True)
    shutil.copy(ROOT / "deploy/secrets.sh", place / "deploy")
    subprocess.run([place / "deploy/secrets.sh"], check=True, capture_output=True)
    return {path.name: path.read_bytes() for path in (place / "secrets").iterdir()}
