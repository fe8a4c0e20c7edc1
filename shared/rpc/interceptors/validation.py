"""Validation: the rules written in the protos, checked before any handler sees a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import InvalidField
from shared.rpc.chain import Concern, ConcernFor

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from shared.rpc.call import Call
    from shared.rpc.methods import Method
    from shared.rpc.validation import Rules


def validation(rules: Rules) -> ConcernFor:
    """Refuse messages that break a rule; methods that check their items themselves are left out."""

    def receive(_: Call, message: Message) -> Message:
        if violations := rules.violations(message):
            raise InvalidField(violations=violations)
        return message

    def concern(method: Method) -> Concern | None:
        if not method.open:
            rules.warm(method.request_type)
        return None if method.self_validating or method.open else Concern(receive=receive)

    return concern
