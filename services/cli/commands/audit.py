"""`footfall audit`: who did what, and whether the log is whole."""

from __future__ import annotations

import click

from services.cli.pricing.audit_commands import list_entries
from services.cli.pricing.verify_command import verify


@click.group(
    short_help="See who did what, and check that the log is whole.", commands=[list_entries, verify]
)
def command() -> None:
    r"""See who did what, and check that the log is whole.

    Every act is recorded in the transaction of what it records. `list` takes the key of an owner or
    an admin; `verify` needs no service, only the database.

    \b
    footfall audit list --action approval.           who decided on prices
    footfall audit verify                            whether anybody changed the log
    """
