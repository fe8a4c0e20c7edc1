"""`footfall pricing subscriptions` and `footfall pricing competitors`."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from google.protobuf.timestamp_pb2 import Timestamp

from footfall.pricing.v1.price_pb2 import (
    CompetitorPrice,
    ListCompetitorPricesRequest,
    ListSubscriptionsRequest,
    RecordCompetitorPriceRequest,
    Subscription,
    UpsertSubscriptionRequest,
)
from services.cli.inputs import LIMIT, TEXT
from services.cli.moments import BeginningOf, Moment
from services.cli.pricing import money, views
from services.cli.pricing.asking import Pricing, asks
from services.cli.pricing.parameters import OF_TIER, TIER, tier_of
from services.cli.telling import MORE, one_line, printable, show, tell

_PAGE = 1000


@click.group(short_help="Say which client is on which tier.")
def subscriptions() -> None:
    r"""Say which client is on which tier, and see what each pays.

    \b
    footfall pricing subscriptions set s-1 --client nw-1 --tier pro
    footfall pricing subscriptions list --tier pro
    """


@subscriptions.command("list")
@OF_TIER
@click.option(
    "--client", "client_id", metavar="CLIENT", type=TEXT, default="", help="Only of this client."
)
@click.option("--with-ended", is_flag=True, help="Ended ones too.")
@LIMIT
@asks
async def list_subscriptions(
    pricing: Pricing, *, tier_id: str, client_id: str, with_ended: bool, limit: int, as_json: bool
) -> None:
    r"""List subscriptions, what each pays, and which change awaits it.

    \b
    footfall pricing subscriptions list --client nw-1 --with-ended
    """
    request = ListSubscriptionsRequest(
        page_size=limit, tier_id=tier_id, client_id=client_id, with_ended=with_ended
    )
    answer = await pricing.ask("ListSubscriptions", request)
    if as_json:
        one_line(answer)
    else:
        found = views.subscriptions(printable(answer).subscriptions)
        show(found, MORE if answer.next_page_token else "")


@subscriptions.command("set")
@click.argument("subscription_id", metavar="SUBSCRIPTION", type=TEXT)
@click.option("--client", "client_id", metavar="CLIENT", type=TEXT, required=True, help="Whose.")
@click.option("--tier", "tier_id", metavar="TIER", type=TEXT, required=True, help="To what.")
@click.option("--since", type=BeginningOf(), help="Since when.  [default: as it was, else now]")
@click.option("--until", type=Moment(), help="Until when.  [default: it goes on]")
@asks
async def set_subscription(
    pricing: Pricing,
    *,
    subscription_id: str,
    client_id: str,
    tier_id: str,
    since: Timestamp | None,
    until: Timestamp | None,
    as_json: bool,
) -> None:
    r"""Make a subscription, move it to another tier, or end it.

    A new one pays the price in force; one that goes on pays what it paid until a change reaches it.

    \b
    footfall pricing subscriptions set s-1 --client nw-1 --tier pro --since 2026-01-31
    footfall pricing subscriptions set s-1 --client nw-1 --tier pro --until 2026-11-30
    """
    known = await _known(pricing, subscription_id, client_id)
    wish = Subscription(
        subscription_id=subscription_id,
        client_id=client_id,
        tier_id=tier_id,
        started_at=since or (known.started_at if known else _now()),
        ended_at=until,
        etag=known.etag if known else "",
    )
    answer = await pricing.ask("UpsertSubscription", UpsertSubscriptionRequest(subscription=wish))
    tell(answer, lambda told: views.subscriptions([told.subscription]), as_json=as_json)


async def _known(pricing: Pricing, subscription_id: str, client_id: str) -> Subscription | None:
    """As it is kept, among those of its client."""
    request = ListSubscriptionsRequest(page_size=_PAGE, client_id=client_id, with_ended=True)
    while True:
        page = await pricing.ask("ListSubscriptions", request)
        for one in page.subscriptions:
            if one.subscription_id == subscription_id:
                found: Subscription = one
                return found
        if not page.next_page_token:
            return None
        request.page_token = page.next_page_token


@click.group(short_help="Record and list what others ask.")
def competitors() -> None:
    r"""Record and list what others ask, dated and with its source.

    \b
    footfall pricing competitors record pro Rival --price '45.00 EUR' --source https://rival.example
    footfall pricing competitors list --tier pro --newest
    """


@competitors.command("record")
@TIER
@click.argument("competitor", metavar="COMPETITOR", type=TEXT)
@money.amount_option("--price", "What they ask for the tier's billing period", required=True)
@money.CURRENCY
@click.option("--offer", metavar="TEXT", type=TEXT, default="", help="For what.")
@click.option(
    "--source", metavar="TEXT", type=TEXT, required=True, help="Where it was seen, such as a URL."
)
@click.option("--at", "observed_at", type=BeginningOf(), help="When.  [default: now]")
@asks
async def record(
    pricing: Pricing,
    *,
    tier_id: str,
    competitor: str,
    price: tuple[str, str],
    currency: str,
    offer: str,
    source: str,
    observed_at: Timestamp | None,
    as_json: bool,
) -> None:
    r"""Record a price that somebody else asks.

    \b
    footfall pricing competitors record pro Rival --offer Team --price 45.00 \
        --source https://rival.example/pricing --at 2026-11-01
    """
    code = currency or price[1] or (await tier_of(pricing, tier_id)).price.currency_code
    finding = CompetitorPrice(
        tier_id=tier_id,
        competitor=competitor,
        offer=offer,
        price=money.amount(price, code),
        source=source,
        observed_at=observed_at or _now(),
    )
    request = RecordCompetitorPriceRequest(competitor_price=finding)
    answer = await pricing.ask("RecordCompetitorPrice", request)
    tell(answer, lambda told: views.competitors([told.competitor_price]), as_json=as_json)


@competitors.command("list")
@OF_TIER
@click.option("--newest", is_flag=True, help="Only the newest of each competitor and offer.")
@LIMIT
@asks
async def list_competitors(
    pricing: Pricing, *, tier_id: str, newest: bool, limit: int, as_json: bool
) -> None:
    r"""List what others ask, the latest seen first.

    \b
    footfall pricing competitors list --tier pro --newest
    """
    request = ListCompetitorPricesRequest(page_size=limit, tier_id=tier_id, newest_only=newest)
    answer = await pricing.ask("ListCompetitorPrices", request)
    if as_json:
        one_line(answer)
    else:
        found = views.competitors(printable(answer).competitor_prices)
        show(found, MORE if answer.next_page_token else "")


def _now() -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(datetime.now(UTC))
    return stamp
