"""`footfall journey clients`."""

from __future__ import annotations

import click

from footfall.journey.v1 import clients_pb2
from services.cli.journey import client_import, parameters, views, words
from services.cli.journey.asking import Journey, asks
from services.cli.telling import one_line, printable, show


@click.group(short_help="Import, list, show and delete clients.", commands=[client_import.command])
def clients() -> None:
    r"""Import, list, show and delete clients.

    \b
    footfall journey clients import clients.csv
    footfall journey clients list --stage churn_risk
    footfall journey clients show nw-1
    """


@clients.command("list")
@parameters.STAGES
@parameters.OWNER
@click.option(
    "--tag", metavar="TAG", type=parameters.TEXT, default="", help="Only clients with this tag."
)
@parameters.LIMIT
@asks
async def list_clients(
    journey: Journey, *, stages: tuple[str, ...], owner: str, tag: str, limit: int, as_json: bool
) -> None:
    r"""List clients, by their ids.

    \b
    footfall journey clients list --stage onboarding --owner olga
    """
    request = clients_pb2.ListClientsRequest(
        page_size=limit, stages=parameters.stage_numbers(stages), owner=owner, tag=tag
    )
    answer = await journey.ask("ListClients", request)
    if as_json:
        one_line(answer)
    else:
        show(
            views.clients(printable(answer).clients),
            parameters.MORE if answer.next_page_token else "",
        )


@clients.command("show")
@parameters.CLIENT
@asks
async def show_client(journey: Journey, *, client_id: str, as_json: bool) -> None:
    r"""Show a client, and where it stands now.

    \b
    footfall journey clients show nw-1
    """
    answer = await journey.ask("GetClient", clients_pb2.GetClientRequest(client_id=client_id))
    if as_json:
        one_line(answer)
    else:
        show(views.client(printable(answer)))


@clients.command("delete")
@parameters.CLIENT
@click.option("--yes", is_flag=True, help="Do not ask.")
@asks
async def delete(journey: Journey, *, client_id: str, yes: bool, as_json: bool) -> None:
    r"""Delete a client with its journey, its history and the outcomes of actions for it, for ever.

    What was learnt from them stays, without any trace of the client.

    \b
    footfall journey clients delete nw-1
    """
    if not yes:
        click.confirm(f"Delete {client_id!r} and its journey?", abort=True, err=True)
    request = clients_pb2.DeleteClientRequest(client_id=client_id)
    answer = await journey.ask("DeleteClient", request)
    if as_json:
        one_line(answer)
    else:
        events = words.counted(answer.deleted_events, "event")
        show(f"Deleted with {events} of its journey.")
