"""`footfall pricing`: what is sold at what price, what demand says, and what to ask for."""

from __future__ import annotations

import click

from services.cli.pricing.evidence_commands import demand, elasticity, suggest
from services.cli.pricing.market_commands import competitors, subscriptions
from services.cli.pricing.settings_commands import settings
from services.cli.pricing.tier_commands import tiers


@click.group(
    short_help="Keep tiers and subscribers, and find out what a price would do.",
    commands=[tiers, subscriptions, competitors, elasticity, demand, suggest, settings],
)
def command() -> None:
    r"""Keep tiers and subscribers, and find out what a price would do.

    All call pricing with an API key (FOOTFALL_API_KEY, or --key) of an owner, an admin or a
    service. No command here changes a live price: that takes a request and another person's
    consent, by `footfall approvals`. What protects you is written in docs/pricing.md.

    \b
    footfall pricing tiers set pro --price '49.00 EUR' --name Pro
    footfall pricing subscriptions set s-1 --client nw-1 --tier pro
    footfall pricing competitors record pro Rival --price 45.00 --source https://rival.example
    footfall pricing elasticity pro                  how demand answers to price
    footfall pricing demand pro --price 59.00        what a price would do
    footfall pricing suggest pro                     a price within the guard-rails
    """
