"""`footfall doctor`: what is wrong here, and what to do about it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping

import click
from rich.console import Console
from rich.markup import escape

from services.cli import options
from services.cli.environment import environment
from services.cli.examining import configuration, installation, machine, serving
from services.cli.examining.finding import Finding, State, fail
from services.cli.terminal import consoles
from shared.data_dir import DataDir
from shared.refusal import StartRefused

_MARKS: Mapping[State, str] = {
    State.OK: "[green]ok  [/]",
    State.WARN: "[yellow]warn[/]",
    State.FAIL: "[red]fail[/]",
}


@click.command(short_help="Look for what is wrong, and say what to do about it.")
@options.data_dir
@options.as_json
def command(data_dir: DataDir, *, as_json: bool) -> None:
    r"""Look for what is wrong, and say what to do about it.

    Packages, settings (a misspelt FOOTFALL_… variable is an error here), TLS files, the data
    directory, ports, the database as each service would see it, and the services' health. Changes
    nothing. Exits 1 when something fails; a warning is none.

    \b
    footfall doctor
    footfall doctor --json | jq '.findings[] | select(.state != "ok")'
    """
    findings = asyncio.run(_all_of(data_dir))
    well = all(finding.state is not State.FAIL for finding in findings)
    if as_json:
        print(json.dumps({"ok": well, "findings": [each.as_json() for each in findings]}))
    else:
        _print(consoles.answers(), findings)
    sys.exit(0 if well else 1)


async def _all_of(data_dir: DataDir) -> list[Finding]:
    return [finding async for finding in _examined(data_dir)]


async def _examined(data_dir: DataDir) -> AsyncIterator[Finding]:
    try:
        environ = environment(os.environ)
    except StartRefused as error:
        yield fail("settings", "cannot be read", str(error))
        return
    own_database = bool(environ.get("FOOTFALL_DATABASE_URL"))
    for finding in installation.examine(own_database=own_database):
        yield finding
    wrong = False
    for finding in configuration.examine(environ):
        wrong = wrong or finding.found.startswith("a value")
        yield finding
    for finding in installation.tracing(environ.get("FOOTFALL_OTLP_ENDPOINT")):
        yield finding
    for finding in machine.examine(data_dir, environ, own_database=own_database):
        yield finding
    yield machine.running(data_dir)
    if not wrong:
        async for finding in serving.examine(data_dir, environ):
            yield finding


def _print(console: Console, findings: list[Finding]) -> None:
    width = max(len(finding.about) for finding in findings)
    for finding in findings:
        line = f"{_MARKS[finding.state]} {finding.about:{width}}  {escape(finding.found)}"
        console.print(line, soft_wrap=True)
        if finding.advice:
            console.print(f"{'':{width + 7}}[bold]{escape(finding.advice)}[/]", soft_wrap=True)
    count = {state: sum(f.state is state for f in findings) for state in State}
    console.print(
        f"[dim]{count[State.OK]} ok, {count[State.WARN]} to look at, {count[State.FAIL]} failed[/]"
    )
