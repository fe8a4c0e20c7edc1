"""The tree as the house rules see it: modules with their syntax, and places where one is broken.

A line may break a rule on purpose when it says why: `# house: <reason>` at its end. What concerns
a whole file is excused on its first line.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TypeVar

ROOT = Path(__file__).parents[3]
Function = ast.FunctionDef | ast.AsyncFunctionDef
Node = TypeVar("Node", bound=ast.AST)
EXCUSE = re.compile(r"# house: \S+ \S+")


@dataclass(frozen=True)
class Breach:
    """One line that breaks a rule, and how."""

    path: PurePosixPath
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


@dataclass(frozen=True)
class Module:
    """One Python file, by its path from the root of the repository."""

    path: PurePosixPath
    text: str

    @classmethod
    def of(cls, path: str, text: str) -> Module:
        return cls(PurePosixPath(path), text)

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, str(self.path))

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def name(self) -> str:
        """The dotted name it is imported by."""
        return ".".join(self.path.with_suffix("").parts).removeprefix("clients.python.")

    @property
    def area(self) -> str | None:
        """`services.journey.journey`, for what lives in an area."""
        parts = self.path.parts
        inside = len(parts) > 3 and parts[0] == "services" and parts[1] != "cli"
        return ".".join(parts[:3]) if inside else None

    @property
    def room(self) -> str | None:
        """`rules`, for `rules.py` and for what lives in a folder `rules/`."""
        return self.path.with_suffix("").parts[3] if self.area else None

    def breach(self, where: ast.AST | int, what: str) -> Iterator[Breach]:
        """Yield the breach, unless its line carries its reason."""
        line = where if isinstance(where, int) else getattr(where, "lineno", 1)
        excused = 0 < line <= len(self.lines) and EXCUSE.search(self.lines[line - 1])
        if not excused:
            yield Breach(self.path, line, what)

    def nodes(self, kind: type[Node]) -> Iterator[Node]:
        return (node for node in ast.walk(self.tree) if isinstance(node, kind))

    def functions(self) -> Iterator[Function]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    def public_functions(self) -> Iterator[Function]:
        """Functions of the module itself that others may call."""
        return (
            function
            for function in self.functions()
            if function in self.tree.body and not function.name.startswith("_")
        )

    def imports(self) -> Iterator[tuple[ast.stmt, str]]:
        """Every dotted name that is imported; of `from a import b` both `a` and `a.b`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self._absolute(node)
                yield from ((node, f"{base}.{alias.name}") for alias in node.names)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.name.removesuffix(".__init__").split(".")
        here = package if self.path.name == "__init__.py" else package[:-1]
        base = here[: len(here) - node.level + 1]
        return ".".join([*base, *([node.module] if node.module else [])])


def dotted(node: ast.AST) -> str:
    """`a.b.c` for the expression a.b.c; of `a().b` what is known, `.b`."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def tracked() -> list[PurePosixPath]:
    """Files that git holds or would add; empty outside a git work tree."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    names = listing.stdout.splitlines()
    return [PurePosixPath(name) for name in names if (ROOT / name).is_file()]


def modules() -> list[Module]:
    """Every Python file of ours, tests and benches included."""
    folders = ("services", "shared", "clients", "protos/toolchain", "tests", "bench")
    found = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    return [Module.of(path.relative_to(ROOT).as_posix(), path.read_text()) for path in found]
