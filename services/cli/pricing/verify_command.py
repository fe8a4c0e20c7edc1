"""`footfall audit verify`: straight from the database, so that no service has to be believed."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import orjson
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from services.cli import options, parameters
from services.cli.desk import owner_url
from services.cli.environment import environment
from services.cli.terminal import consoles
from services.pricing.audit.rules import Verdict
from services.pricing.audit.usecases import has_organisation, list_logs, verify_audit_log
from services.pricing.audit.usecases.verifying import Report
from shared.anchors import AnchorsUnreadable, FileAnchors, Written, anchors_file
from shared.clock import SystemClock
from shared.data_dir import DataDir
from shared.database import Tenant
from shared.identity.administration.desk import ActRefused, Desk, open_desk
from shared.identity.identity import Role
from shared.schema import logins
from shared.settings import Settings
from shared.settings_source import load

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("verify")
@click.option("--org", "org_id", type=parameters.ORG_ID, help="Only the log of this organisation.")
@click.option("--all", "everyone", is_flag=True, help="Every log that there is.  [default]")
@click.option(
    "--anchors", "files", type=_FILE, multiple=True,
    help="What was written down outside; may be given several times.  [default: the file of the "
    "settings]",
)  # fmt: skip
@options.data_dir
@options.as_json
def verify(
    *,
    org_id: UUID | None,
    everyone: bool,
    files: tuple[Path, ...],
    data_dir: DataDir,
    as_json: bool,
) -> None:
    r"""Check that every log is whole: no entry changed, removed, put in, moved or cut off.

    Reads the database as a login that only reads, when FOOTFALL_BI_DATABASE_URL (for --org) or
    FOOTFALL_MAINTENANCE_DATABASE_URL is set, else as its owner; no service takes part. Exits with 1
    and names the first entry that does not fit, if there is one. docs/audit.md says how to do the
    same without this program.

    \b
    footfall audit verify
    footfall audit verify --org ORG_ID
    footfall audit verify --anchors /mnt/elsewhere/audit-anchors.jsonl
    """
    if everyone and org_id is not None:
        raise click.UsageError("Give either --org ORG_ID or --all.")
    environ = environment(os.environ)
    written = _Written(files or (_file(data_dir),))
    url = _reader_url(data_dir, environ, of_one=org_id is not None)
    found = asyncio.run(_verify(url, org_id, written))
    if as_json:
        click.echo(orjson.dumps(_document(found)).decode())
    else:
        console = consoles.answers()
        console.print(_told(found), soft_wrap=not console.is_terminal)
    sys.exit(0 if all(verdict.valid for verdict in found.values()) else 1)


@dataclass(frozen=True, slots=True)
class _Written:
    """Several files as one: that in use, and those that were moved away before."""

    files: Sequence[Path]

    def of(self, org_id: UUID) -> Written:
        """All of one organisation, in the order of its entries."""
        parts = [FileAnchors(file).of(org_id) for file in self.files]
        anchors = sorted(chain(*(one.anchors for one in parts)), key=lambda one: one.sequence)
        return Written(anchors, sum(one.damaged for one in parts))

    def organisations(self) -> set[UUID]:
        """Whoever is in them."""
        try:
            return set(chain(*(FileAnchors(file).latest() for file in self.files)))
        except AnchorsUnreadable:
            return set()  # each verdict says so


async def _verify(url: str, org_id: UUID | None, written: _Written) -> Mapping[UUID, Verdict]:
    async with open_desk(url, SystemClock(), "auditor") as desk:
        wanted = {org_id} if org_id else await list_logs(desk.database) | written.organisations()
        found = {}
        for one in sorted(wanted):
            with _progress(one) as report:
                found[one] = await _check(desk, one, written, report)
            if one == org_id and not found[one].entries and found[one].valid:
                await _check_exists(desk, one)
        return found


async def _check(desk: Desk, org_id: UUID, written: _Written, report: Report) -> Verdict:
    tenant = Tenant(org_id, Role.OWNER.value, desk.operator)
    return await verify_audit_log(desk.database, tenant, written, report)


async def _check_exists(desk: Desk, org_id: UUID) -> None:
    """Whoever has a log once had a name; who has neither was never there."""
    tenant = Tenant(org_id, Role.OWNER.value, desk.operator)
    if not await has_organisation(desk.database, tenant):
        raise ActRefused(f"There is no organisation {org_id}; see `footfall org list`.")


def _file(data_dir: DataDir) -> Path:
    return anchors_file(load(Settings).storage.audit_anchors_file, data_dir)


def _reader_url(data_dir: DataDir, environ: Mapping[str, str], *, of_one: bool) -> str:
    """The login with the least rights that the operator gave, else the owner."""
    readers = (logins.BI, logins.MAINTENANCE) if of_one else (logins.MAINTENANCE,)
    for login in logins.LOGINS[::-1]:
        if login.name in readers and (url := environ.get(login.variable)):
            return url
    try:
        return owner_url(data_dir, environ)
    except ActRefused as refused:
        raise click.ClickException(str(refused)) from refused


def _document(found: Mapping[UUID, Verdict]) -> dict[str, Any]:
    logs = [
        {
            "org_id": org_id,
            "valid": verdict.valid,
            "entries": verdict.entries,
            "first_bad_entry": verdict.first_bad_entry,
            "problem": verdict.problem,
            "head_hash": verdict.head_hash.hex(),
            "anchored_entries": verdict.anchored_entries,
            "anchored_at": verdict.anchored_at,
            "notice": verdict.notice,
        }
        for org_id, verdict in found.items()
    ]
    return {"valid": all(verdict.valid for verdict in found.values()), "logs": logs}


def _told(found: Mapping[UUID, Verdict]) -> RenderableType:
    if not found:
        return Text("There is no log yet.", "dim")
    return Group(*(_log(org_id, verdict) for org_id, verdict in found.items()))


def _log(org_id: UUID, verdict: Verdict) -> Text:
    told = Text().append("whole   " if verdict.valid else "BROKEN  ", _style(verdict))
    told.append(f"{org_id}  ").append(f"{verdict.entries:,} entries fit")
    if verdict.anchored_at is not None:
        told.append(
            f"\n        {verdict.anchored_entries:,} of them were written down outside by "
            f"{verdict.anchored_at:%Y-%m-%d %H:%M:%S} UTC"
        )
    if not verdict.valid:
        told.append(f"\n        first bad entry: {verdict.first_bad_entry:,}. ", "bold")
        told.append(verdict.problem)
    if verdict.notice:
        told.append(f"\n        {verdict.notice}", "yellow")
    return told


def _style(verdict: Verdict) -> str:
    return "bold green" if verdict.valid else "bold red"


@contextmanager
def _progress(org_id: UUID) -> Iterator[Report]:
    """On standard error: standard output is the answer's."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", visible=False)

        def report(checked: int, total: int) -> None:
            words = f"{org_id}: {checked:,} of {total:,} entries checked"
            progress.update(task, description=words, completed=checked, total=total, visible=True)

        yield report
