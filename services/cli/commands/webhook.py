"""`footfall webhook`: where an organisation's feeds are sent."""

from __future__ import annotations

import os
import secrets
from dataclasses import asdict
from typing import Any
from uuid import UUID

import click
from rich.markup import escape

from services.cli import parameters
from services.cli.desk import Answer, at_desk, day, table
from services.cli.environment import environment
from services.insight.webhooks.errors import UrlRefused
from services.insight.webhooks.rules import signing
from services.insight.webhooks.rules.endpoints import TOPICS
from services.insight.webhooks.rules.urls import read_url
from shared.identity.administration import webhooks
from shared.identity.administration.desk import Desk
from shared.settings import Settings
from shared.settings_source import load

_org = click.option(
    "--org", "org_id", type=parameters.ORG_ID, required=True, help="The organisation."
)
_topic = click.option("--topic", type=click.Choice(TOPICS), required=True, help="What is sent.")


class Url(click.ParamType[str]):
    """A URL that messages may be sent to."""

    name = "URL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        settings = load(Settings, environment(os.environ))
        try:
            read_url(str(value), allow_private=settings.webhooks.allow_private)
        except UrlRefused as refused:
            self.fail(f"{refused.why}.", param, ctx)
        return str(value)


@click.group(short_help="Say where an organisation's feeds are sent.")
def command() -> None:
    r"""Say where an organisation's feeds are sent.

    Messages are signed by the Standard Webhooks scheme, and tried ten times over three days.

    \b
    footfall webhook set --org ORG_ID --topic feed.concierge --url https://acme.example/footfall
    footfall webhook rotate --org ORG_ID --topic feed.concierge
    """


@command.command("set")
@_org
@_topic
@click.option("--url", type=Url(), required=True, help="Where to: https, a public name, port 443.")
@at_desk
async def set_(desk: Desk, org_id: UUID, topic: str, url: str) -> Answer:
    """Send a topic to a URL. A new webhook's secret is shown now and never again.

    One that exists gets the new URL, keeps its secret and is switched on again.
    """
    secret = _new_secret()
    new = await webhooks.set_url(desk, org_id, topic, url, secret)
    document = {"org_id": org_id, "topic": topic, "url": url, "secret": secret if new else None}
    kept = f"{topic} goes to {escape(url)} now, signed by the same secret."
    return Answer(document, _words(secret) if new else kept)


@command.command("rotate")
@_org
@_topic
@at_desk
async def rotate(desk: Desk, org_id: UUID, topic: str) -> Answer:
    """Make a new secret. For a day messages are signed by both, the one before it too."""
    secret = _new_secret()
    await webhooks.rotate(desk, org_id, topic, secret)
    return Answer({"org_id": org_id, "topic": topic, "secret": secret}, _words(secret))


@command.command("retry")
@_org
@_topic
@at_desk
async def retry(desk: Desk, org_id: UUID, topic: str) -> Answer:
    """Send messages again that were given up, with the ids that they had."""
    again = await webhooks.retry(desk, org_id, topic)
    return Answer(
        {"org_id": org_id, "topic": topic, "messages": again},
        f"{again} messages of {topic} are tried again from now on.",
    )


@command.command("remove")
@_org
@_topic
@at_desk
async def remove(desk: Desk, org_id: UUID, topic: str) -> Answer:
    """Send nothing of a topic any more. Messages that wait are given up."""
    await webhooks.remove(desk, org_id, topic)
    return Answer(
        {"org_id": org_id, "topic": topic, "removed": True}, f"Nothing of {topic} is sent any more."
    )


@command.command("list")
@_org
@at_desk
async def list_(desk: Desk, org_id: UUID) -> Answer:
    """List the webhooks of an organisation, without their secrets."""
    found = await webhooks.all_of_them(desk, org_id)
    rows = table("topic", "url", "since", "rotated", "")
    for one in found:
        state = f"[red]off:[/] {escape(one.disabled_reason)}" if one.disabled else ""
        rows.add_row(
            one.topic, escape(one.url), day(one.created_at), day(one.rotated_at, "never"), state
        )
    documents = [asdict(one) for one in found]
    return Answer({"webhooks": documents}, rows if found else "There is none yet.")


def _new_secret() -> str:
    return signing.to_secret(secrets.token_bytes(signing.KEY_BYTES))


def _words(secret: str) -> str:
    return (
        f"[bold]{secret}[/]\n"
        "Keep it now: it is shown this once. The receiver checks the signature with it, by any "
        "library of standardwebhooks.com."
    )
