"""Customer actions on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from google.type.money_pb2 import Money

from footfall.insights.v1 import profile_pb2
from footfall.insights.v1 import profile_requests_pb2 as pb
from services.insight.customer_actions import rules
from services.insight.customer_actions.rules import Action, ActionFilter, Cursor, Page
from services.insight.profiles.wire import from_timestamp, to_timestamp
from shared import ids
from shared.errors import InvalidField
from shared.identity.identity import Identity, Role

_MICROS = 1_000_000
_NANOS = 1_000_000_000
_CODE_LETTERS = 3
_MESSAGE_BYTES = 3 * 1024 * 1024  # clients take 4 MiB unless they say otherwise


def from_action(message: profile_pb2.CustomerAction, caller: Identity, now: datetime) -> Action:
    """An action to be recorded now."""
    writes_as = caller.subject if caller.role is Role.MEMBER else None
    amount_micros, currency = _from_money(message)
    return Action(
        _action_id(message.action_id, now),
        rules.owner(message.user_id, writes_as),
        message.client_id,
        message.kind,
        message.outcome,
        message.competency_area,
        amount_micros,
        currency,
        message.note,
        from_timestamp(message.occurred_at, "action.occurred_at")
        if message.HasField("occurred_at")
        else now,
        now,
        caller.actor,
    )


def from_list_customer_actions(request: pb.ListCustomerActionsRequest) -> ActionFilter:
    """Which actions are asked for."""
    return ActionFilter(request.user_id, request.client_id)


def from_cursor(position: Sequence[str] | None) -> Cursor | None:
    """The place inside a page token."""
    return (datetime.fromisoformat(position[0]), UUID(position[1])) if position else None


def to_list_customer_actions(
    page: Page,
) -> tuple[pb.ListCustomerActionsResponse, tuple[str, str] | None]:
    """A page of actions, and where the next one goes on."""
    shown: list[profile_pb2.CustomerAction] = []
    room = _MESSAGE_BYTES
    for row in page.rows:
        one = to_action(Action(**row))
        room -= one.ByteSize()
        if shown and room < 0:
            break
        shown.append(one)
    response = pb.ListCustomerActionsResponse(actions=shown)
    if len(shown) == len(page.rows) and not page.more:
        return response, None
    last = page.rows[len(shown) - 1]
    return response, (last["occurred_at"].isoformat(), str(last["action_id"]))


def to_action(action: Action) -> profile_pb2.CustomerAction:
    """An action as it is kept."""
    message = profile_pb2.CustomerAction(
        action_id=str(action.action_id),
        user_id=action.user_id,
        client_id=action.client_id,
        kind=profile_pb2.CustomerActionKind.ValueType(action.kind),
        outcome=profile_pb2.CustomerActionOutcome.ValueType(action.outcome),
        competency_area=action.competency_area,
        note=action.note,
        occurred_at=to_timestamp(action.occurred_at),
        recorded_at=to_timestamp(action.recorded_at),
        recorded_by=action.recorded_by,
    )
    if action.amount_micros is not None:
        message.amount.CopyFrom(to_money(action.amount_micros, action.currency or ""))
    return message


def to_money(micros: int, currency: str) -> Money:
    """An amount; units and nanos of a negative one are both negative, as Money has it."""
    units, rest = divmod(abs(micros), _MICROS)
    sign = -1 if micros < 0 else 1
    return Money(currency_code=currency, units=sign * units, nanos=sign * rest * 1000)


def _action_id(text: str, now: datetime) -> UUID:
    return UUID(text) if text else UUID(bytes=ids.uuid7(int(now.timestamp() * 1000)))


def _from_money(message: profile_pb2.CustomerAction) -> tuple[int | None, str | None]:
    if not message.HasField("amount"):
        return None, None
    amount = message.amount
    if amount.units < 0 or not 0 <= amount.nanos < _NANOS:
        told = "must not be negative, with nanos from 0 to 999,999,999"
        raise InvalidField.of("action.amount", told)
    if amount.nanos % 1000:
        raise InvalidField.of("action.amount.nanos", "at most six decimals")
    code = amount.currency_code
    if not (len(code) == _CODE_LETTERS and code.isascii() and code.isupper()):
        raise InvalidField.of("action.amount.currency_code", "must be an ISO 4217 code")
    micros = amount.units * _MICROS + amount.nanos // 1000
    if micros > rules.MAX_MICROS:
        raise InvalidField.of("action.amount", "must not be more than 9,223,372,036,854")
    return micros, code
