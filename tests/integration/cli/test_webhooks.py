"""Webhooks by the command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from services.cli.__main__ import main
from services.insight.webhooks.rules import signing
from tests.delivering import delivering, listen, messages, publish, until
from tests.organisations import Organisation
from tests.receiving import running_receiver

URL = "https://acme.example/footfall?key=s3cret"
Run = Callable[..., Result]


@pytest.fixture
def webhook(organisation: Organisation) -> Run:
    """`footfall webhook …` for an organisation."""
    database = organisation.database
    environ = {**database.environ, "FOOTFALL_DATA_DIR": str(database.data_dir.root)}

    def run(verb: str, *words: str, org: object = organisation.org_id, **more: str) -> Result:
        line = ["webhook", verb, "--org", str(org), *words]
        return CliRunner().invoke(main, line, env={**environ, **more})

    return run


def answer(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def concierge(*more: str) -> list[str]:
    return ["--topic", "feed.concierge", *more, "--json"]


def kept(organisation: Organisation) -> list[Any]:
    return organisation.database.execute(
        "SELECT topic, url, secret, previous_secret, disabled FROM app.webhook_endpoints"
        " WHERE org_id = %s ORDER BY topic",
        organisation.org_id,
    )


def test_a_webhook_is_set_and_its_secret_is_shown_once(
    webhook: Run, organisation: Organisation
) -> None:
    made = answer(webhook("set", *concierge("--url", URL)))
    assert made.keys() == {"org_id", "topic", "url", "secret"}
    assert len(signing.key_of(made["secret"])) == 32
    assert kept(organisation) == [("feed.concierge", URL, made["secret"], None, False)]
    [listed] = answer(webhook("list", "--json"))["webhooks"]
    assert (listed["topic"], listed["url"], listed["disabled"]) == ("feed.concierge", URL, False)
    assert "secret" not in listed
    for shown in (webhook("list"), webhook("list", "--json")):
        assert made["secret"] not in shown.output


def test_another_url_keeps_the_secret_and_switches_it_on(
    webhook: Run, organisation: Organisation
) -> None:
    secret = answer(webhook("set", *concierge("--url", URL)))["secret"]
    organisation.database.execute("UPDATE app.webhook_endpoints SET disabled = true")
    moved = answer(webhook("set", *concierge("--url", "https://new.acme.example/")))
    assert moved["secret"] is None
    assert kept(organisation) == [
        ("feed.concierge", "https://new.acme.example/", secret, None, False)
    ]


def test_a_rotation_keeps_the_secret_before(webhook: Run, organisation: Organisation) -> None:
    old = answer(webhook("set", *concierge("--url", URL)))["secret"]
    new = answer(webhook("rotate", *concierge()))["secret"]
    assert new != old
    [(_, _, secret, previous, _)] = kept(organisation)
    assert (secret, previous) == (new, old)


def test_it_is_removed(webhook: Run, organisation: Organisation) -> None:
    answer(webhook("set", *concierge("--url", URL)))
    assert answer(webhook("remove", *concierge()))["removed"]
    assert kept(organisation) == []
    assert answer(webhook("list", "--json")) == {"webhooks": []}


def test_every_act_is_on_record_without_secrets(webhook: Run, organisation: Organisation) -> None:
    secrets = [answer(webhook("set", *concierge("--url", URL)))["secret"]]
    secrets.append(answer(webhook("rotate", *concierge()))["secret"])
    answer(webhook("remove", *concierge()))
    rows = organisation.database.execute(
        "SELECT action, target, actor_role, details::text FROM app.audit_entries"
        " WHERE org_id = %s ORDER BY sequence",
        organisation.org_id,
    )
    assert [row[:3] for row in rows] == [
        (f"webhook.{act}", "feed.concierge", "operator") for act in ("set", "rotate", "remove")
    ]
    assert "https://acme.example/footfall" in rows[0][3]
    for hidden in (*secrets, "s3cret"):
        assert hidden not in str(rows)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://acme.example/", "`http` is not accepted"),
        ("https://127.0.0.1/", "an address is not accepted"),
        ("https://localhost/", "a local network"),
        ("https://acme.example:22/", "only port 443"),
        ("file:///etc/passwd", "`https://name/path` is needed"),
    ],
)
def test_51_a_url_that_leads_inside_is_refused_when_it_is_saved(
    webhook: Run, organisation: Organisation, url: str, why: str
) -> None:
    result = webhook("set", "--topic", "feed.concierge", "--url", url)
    assert result.exit_code == 2
    assert why in " ".join(result.stderr.split())
    assert kept(organisation) == []


def test_for_development_this_machine_is_accepted(webhook: Run) -> None:
    local = concierge("--url", "http://127.0.0.1:9000/hook")
    assert webhook("set", *local).exit_code == 2
    assert webhook("set", *local, FOOTFALL_WEBHOOKS_ALLOW_PRIVATE="true").exit_code == 0


def test_what_is_not_there_is_said(webhook: Run) -> None:
    for verb in ("rotate", "remove"):
        result = webhook(verb, "--topic", "feed.concierge")
        assert result.exit_code == 1
        assert "has no webhook for feed.concierge" in result.stderr
    result = webhook("set", "--topic", "feed.concierge", "--url", URL, org=uuid4())
    assert result.exit_code == 1
    assert "There is no organisation" in result.stderr
    assert webhook("set", "--topic", "feed.x", "--url", URL).exit_code == 2


async def test_what_was_given_up_is_sent_again_under_its_id(
    webhook: Run, organisation: Organisation
) -> None:
    sent = await publish(organisation, 2)
    async with delivering(organisation):  # nowhere to, yet
        await until(lambda: messages(organisation) == [(3,), (3,)])
    with running_receiver() as receiver:
        await listen(organisation, receiver.url())
        assert answer(await asyncio.to_thread(webhook, "retry", *concierge()))["messages"] == 2
        async with delivering(organisation):
            await until(lambda: messages(organisation) == [(2,), (2,)])
    assert sorted(one.message_id for one in receiver.received) == sorted(sent)
    assert answer(await asyncio.to_thread(webhook, "retry", *concierge()))["messages"] == 0
