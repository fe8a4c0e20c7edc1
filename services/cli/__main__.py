"""The `footfall` command: one module per command below `commands/`, loaded when asked for."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import click

from services.cli import commands
from shared.refusal import StartRefused


class LazyGroup(click.Group):
    """Finds its commands by their modules: `commands/import_.py` is `footfall import`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _keep_examples(self)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every module of the package, under the name it is typed by."""
        del ctx
        modules = (module.name for module in pkgutil.iter_modules(commands.__path__))
        return sorted(name.rstrip("_").replace("_", "-") for name in modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The `command` of the module; None lets click say that there is no such command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        stem = cmd_name.replace("-", "_")
        known = {module.name for module in pkgutil.iter_modules(commands.__path__)}
        module = importlib.import_module(
            f"{commands.__name__}.{stem if stem in known else stem + '_'}"
        )
        command: click.Command = module.command
        _keep_examples(command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a refusal is a message, not a stack."""
        try:
            return super().invoke(ctx)
        except StartRefused as refusal:
            raise click.ClickException(str(refusal)) from refusal


def _keep_examples(command: click.Command) -> None:
    r"""Below a `\b` click wraps nothing; in our raw docstrings it is two characters."""
    if command.help is not None:
        command.help = command.help.replace("\\b\n", "\b\n")
    for inner in getattr(command, "commands", {}).values():
        _keep_examples(inner)


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="footfall", message="%(prog)s %(version)s")
def main() -> None:
    r"""Footfall keeps what happens in your product, exactly once, and tells what to do next.

    \b
    See it work:         footfall demo
    Run it:              footfall up
    Make an account:     footfall org create ACME
    Make a key for it:   footfall key create --org ORG_ID --role service --subject backend
    Watch events come:   footfall tail
    See what they mean:  footfall insights generate
    Know what to do:     footfall journey next CLIENT
    Decide on a price:   footfall approvals list

    Every command takes --json: one JSON document on standard output, nothing else.
    """


if __name__ == "__main__":
    main(prog_name="footfall")
