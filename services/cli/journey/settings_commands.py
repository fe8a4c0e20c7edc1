"""`footfall journey settings`."""

from __future__ import annotations

import click

from footfall.journey.v1 import settings_pb2
from services.cli.journey import parameters
from services.cli.journey import settings as rules
from services.cli.journey.asking import Journey, asks
from services.cli.telling import one_line, printable, show


@click.group(short_help="Show the rules of scores, risks and actions, or change some.")
def settings() -> None:
    r"""Show the rules of scores, risks and actions, or change some.

    Every change makes a new version; scores follow within minutes. What each setting means is
    written in docs/journey.md.

    \b
    footfall journey settings show
    footfall journey settings set risks.late_invoices.points=15 thresholds.tickets_min=4
    footfall journey settings set quiet_hours=22:00-07:00 caps=email:2/7,all:5/30
    """


@settings.command("show")
@click.option(
    "--version", type=click.IntRange(1), metavar="N", help="As of this version.  [default: now]"
)
@asks
async def show_settings(journey: Journey, *, version: int | None, as_json: bool) -> None:
    r"""Show every setting with its value.

    \b
    footfall journey settings show
    footfall journey settings show --version 3
    """
    request = settings_pb2.GetJourneySettingsRequest(version=version or 0)
    _tell(await journey.ask("GetJourneySettings", request), as_json=as_json)


@settings.command("set")
@click.argument("changes", metavar="NAME=VALUE...", type=parameters.TEXT, nargs=-1, required=True)
@asks
async def set_settings(journey: Journey, *, changes: tuple[str, ...], as_json: bool) -> None:
    r"""Change settings, which makes a new version; it takes the key of an owner or an admin.

    Names are those of `settings show`. Lists are written with commas, `none` empties one.
    Quiet hours that end at 24:00 are shown with the end 00:00, which is the same.

    \b
    footfall journey settings set stages.billing.actions=email_outreach stages.lead.weight=2
    footfall journey settings set actions.offer_credit_pack.enabled=false
    footfall journey settings set cooldown_days=21 learning.hold_out_percent=10
    footfall journey settings set caps=none quiet_hours=none
    """
    current = await journey.ask("GetJourneySettings", settings_pb2.GetJourneySettingsRequest())
    wish = rules.changed(changes, current.settings)
    request = settings_pb2.UpdateJourneySettingsRequest(settings=wish)
    _tell(await journey.ask("UpdateJourneySettings", request), as_json=as_json)


def _tell(
    answer: settings_pb2.GetJourneySettingsResponse | settings_pb2.UpdateJourneySettingsResponse,
    *,
    as_json: bool,
) -> None:
    if as_json:
        one_line(answer)
    else:
        show(rules.table(printable(answer).settings))
