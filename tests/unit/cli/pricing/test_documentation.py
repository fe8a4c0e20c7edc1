"""Commands that are written down exist, with the options that they are given."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from services.cli.__main__ import main
from services.cli.commands import approvals, audit, pricing

ROOT = Path(__file__).parents[4]
PAGES = ("README.md", "docs/pricing.md", "docs/operations.md")
GROUPS = {"pricing": pricing.command, "approvals": approvals.command, "audit": audit.command}


def written() -> Iterator[str]:
    """Each command of these groups, in pages and in what `--help` says."""
    texts = [(ROOT / page).read_text() for page in PAGES]
    texts += [command.help or "" for group in GROUPS.values() for command in tree(group)]
    for text in texts:
        joined = text.replace("\\\n", " ")
        found = re.findall(r"^ *footfall (?:pricing|approvals|audit) .*$", joined, re.MULTILINE)
        yield from (re.sub(r"\s+#.*| {3,}.*", "", line.strip()) for line in found)


def tree(command: click.Command) -> Iterator[click.Command]:
    yield command
    for inner in getattr(command, "commands", {}).values():
        yield from tree(inner)


def test_there_is_something_to_look_at() -> None:
    assert len(set(written())) > 20


@pytest.mark.parametrize("line", sorted(set(written())))
def test_a_command_that_is_written_down_exists(line: str) -> None:
    words = shlex.split(line)[1:]
    command: click.Command = main
    context = click.Context(command)
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, f"there is no {words[0]}"
        command, words = found, words[1:]
    options = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= options
