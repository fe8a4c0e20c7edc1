"""Options that many commands share, so that they are named and explained the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from shared.data_dir import DataDir

Command = TypeVar("Command", bound=Callable[..., Any])


def data_dir(command: Command) -> Command:
    """`--data-dir DIR`: where this installation keeps everything."""
    return click.option(
        "--data-dir",
        envvar="FOOTFALL_DATA_DIR",
        show_envvar=True,
        metavar="DIR",
        type=_DATA_DIR,
        default=DataDir.at,
        show_default="/var/lib/footfall as root, else a directory of yours",
        help="Where the database, secrets and logs are.",
    )(command)


def as_json(command: Command) -> Command:
    """`--json`: for scripts."""
    return click.option(
        "--json", "as_json", is_flag=True, help="One JSON document on standard output, no more."
    )(command)


def in_flight(command: Command) -> Command:
    """`--in-flight N`: how many batches wait for their answers at once."""
    return click.option(
        "--in-flight",
        type=click.IntRange(1, 64),
        default=4,
        show_default=True,
        help="Batches on their way at once.",
    )(command)


class _DataDirType(click.ParamType[DataDir]):
    name = "directory"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> DataDir:
        del param, ctx
        return value if isinstance(value, DataDir) else DataDir.at(value)


_DATA_DIR = _DataDirType()
