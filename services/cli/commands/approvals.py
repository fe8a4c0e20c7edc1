"""`footfall approvals`: asking for another price, and deciding on it."""

from __future__ import annotations

import click

from services.cli.pricing import approval_commands, decision_commands


@click.group(
    short_help="Ask for another price, and decide on what others ask for.",
    commands=[*approval_commands.COMMANDS, *decision_commands.COMMANDS],
)
def command() -> None:
    r"""Ask for another price, and decide on what others ask for.

    There is no other way to a price: somebody asks, somebody else agrees to exactly that, and
    subscribers get notice of an increase. What protects you is written in docs/pricing.md.

    \b
    footfall approvals request pro --price 59.00 --reason 'more is in it since May'
    footfall approvals list --state pending_review
    footfall approvals show APPROVAL                 the page on which to decide
    footfall approvals approve APPROVAL --etag 1 --notes 'as agreed on Monday'
    footfall approvals changes                       what became of it
    footfall approvals notice CHANGE CLIENT          that a subscriber was told
    footfall approvals roll-back CHANGE --reason 'twice as many left as predicted'
    """
