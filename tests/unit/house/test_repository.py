"""What the repository may hold: sources, pinned requirements without addresses, owned TODOs."""

from __future__ import annotations

import re
import tomllib
from pathlib import PurePosixPath

import pytest
from packaging.requirements import Requirement

from tests.unit.house.source import EXCUSE, ROOT, tracked

LOCKS = ("runtime", "setup", "dev")
PINS = re.compile(r"^(?P<name>[a-z0-9-]+)(?:\[[\w,]+])?==(?P<version>\S+)", re.MULTILINE)
ORPHAN = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!\([a-z])")  # house: the pattern names them
TEXT = {".py", ".proto", ".md", ".toml", ".yaml", ".yml", ".sql", ".sh", ""}


def lock(name: str) -> str:
    return (ROOT / f"requirements/{name}.lock").read_text()


def pins(name: str) -> dict[str, str]:
    return {pin["name"]: pin["version"] for pin in PINS.finditer(lock(name))}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_registry(name: str) -> None:
    """Packages come from wherever the machine gets them; the hashes say that they are the same."""
    assert not re.search(
        r"://|^\s*-(?!-hash)|@ ", lock(name).replace("    --hash", ""), re.MULTILINE
    )


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_a_hash(name: str) -> None:
    entries = lock(name).replace("\\\n", "").splitlines()
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_locks_agree_with_each_other() -> None:
    """They nest: what a container runs is what was tested."""
    assert pins("runtime").items() <= pins("setup").items() <= pins("dev").items()


@pytest.mark.parametrize("project", ["pyproject.toml", "protos/pyproject.toml"])
def test_the_lock_satisfies_what_the_project_asks_for(project: str) -> None:
    """`make lock` pins what pyproject.toml allows; edit the one, then run the other."""
    asked = tomllib.loads((ROOT / project).read_text())
    wanted = [
        *asked["build-system"]["requires"],
        *asked["project"]["dependencies"],
        *(
            each
            for extra in asked["project"].get("optional-dependencies", {}).values()
            for each in extra
        ),
        *(each for group in asked.get("dependency-groups", {}).values() for each in group),
    ]
    pinned = pins("dev")
    for requirement in (Requirement(each) for each in wanted if isinstance(each, str)):
        if not requirement.name.startswith("footfall-"):
            assert requirement.specifier.contains(pinned[requirement.name]), requirement


def test_stubs_are_generated_by_the_grpcio_that_runs_them() -> None:
    """A generated stub refuses a grpcio that is older than its generator."""
    assert pins("dev")["grpcio"] == pins("dev")["grpcio-tools"]


def test_nothing_generated_is_committed() -> None:
    """Stubs are built by the install: a copy in the tree would drift from its .proto."""
    generated = re.compile(r"_pb2(_grpc)?\.pyi?$|^protos/(gen|third_party)/|^uv\.lock$|\.egg-info/")
    assert [str(path) for path in tracked() if generated.search(str(path))] == []


def test_every_todo_has_an_owner() -> None:
    """`TODO(name): ...`, or do it now: what nobody owns, nobody does."""
    orphans = [
        f"{path}:{number}"
        for path in _texts()
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1)
        if ORPHAN.search(line) and not EXCUSE.search(line)
    ]
    assert orphans == []


def test_nobody_sets_pythonpath() -> None:
    """The install puts packages in reach; a path in the environment hides that it does not."""
    scripts = (path for path in _texts() if path.suffix not in {".py", ".md"})
    assert [path for path in scripts if "PYTHONPATH" in (ROOT / path).read_text()] == []


def test_make_help_tells_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split())
    assert targets == set(re.findall(r"^([a-z]+):.* ## \S", makefile, re.MULTILINE))


def _texts() -> list[PurePosixPath]:
    return [path for path in tracked() if path.suffix in TEXT and path.name != "LICENSE"]
