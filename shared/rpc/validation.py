"""The rules of the protos, checked by protovalidate in one call per message.

A batch is checked whole, for one call on 500 events costs a tenth of 500 calls; `by_item` then
tells which event broke what, so that a bad one never sinks its batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import protovalidate

from shared.errors import Violation
from shared.refusal import StartRefused

if TYPE_CHECKING:
    from google.protobuf.message import Message


class ValidatorUnfit(StartRefused):
    """The installed validator is another than the one this was measured with."""


class Rules:
    """The validator, warm: the rules of the given types are compiled before the first call."""

    def __init__(self, types: Iterable[type[Message]] = ()) -> None:
        installed = version("protovalidate")
        if int(installed.split(".", 1)[0]) != 2:  # noqa: PLR2004 - 2.1 as in pyproject.toml
            raise ValidatorUnfit(
                f"protovalidate {installed} is installed; 2.1 or a later 2.x is needed, for older "
                "ones are thousands of times slower. Run: pip install 'protovalidate>=2.1,<3'"
            )
        self._validator = protovalidate.Validator()
        for message in types:
            self.warm(message)

    def warm(self, message: type[Message]) -> None:
        """Compile the rules of a type now: the first call would wait for it."""
        self._validator.collect_violations(message())

    def violations(self, message: Message) -> Sequence[Violation]:
        """What is wrong with a message; empty when nothing is.

        No text may hold U+0000, which Postgres cannot keep.
        """
        found = self._validator.collect_violations(message)
        if found:
            return [_violation(one.proto) for one in found]
        if b"\0" not in message.SerializeToString():
            return ()
        return [Violation(path, "may not hold the character U+0000") for path in _nul_in(message)]

    def by_item(self, message: Message, items: str) -> Mapping[int | None, Sequence[Violation]]:
        """What is wrong, by index in the repeated field `items`; paths begin within the item.

        None gathers what is wrong with the rest of the message.
        """
        found = self._validator.collect_violations(message)
        if not found:
            return {}
        grouped: defaultdict[int | None, list[Violation]] = defaultdict(list)
        for one in found:
            index, path = _item(_elements(one.proto), items)
            grouped[index].append(Violation(path, one.proto.message))
        return grouped


def _nul_in(message: Message, path: str = "") -> Iterator[str]:
    """Where texts hold it; zero bytes of numbers may be."""
    for field, value in message.ListFields():
        for one in _values(field, value):
            if isinstance(one, str) and "\0" in one:
                yield path + field.name
            elif hasattr(one, "ListFields"):
                yield from _nul_in(one, f"{path}{field.name}.")


def _values(field: Any, value: Any) -> Iterable[Any]:
    if not field.is_repeated:
        return (value,)
    return [*value, *value.values()] if hasattr(value, "values") else value


def _violation(found: Any) -> Violation:
    return Violation(_path(_elements(found)), found.message)


def _elements(found: Any) -> Sequence[Any]:
    return found.field.elements if found.field is not None else ()  # a rule of the whole message


def _item(elements: Sequence[Any], items: str) -> tuple[int | None, str]:
    if not elements or elements[0].field_name != items or elements[0].subscript is None:
        return None, _path(elements)
    return int(elements[0].subscript.value), _path(elements[1:])


def _path(elements: Sequence[Any]) -> str:
    return ".".join(_step(one) for one in elements)


def _step(element: Any) -> str:
    if element.subscript is None:
        return str(element.field_name)
    return f"{element.field_name}[{element.subscript.value}]"
