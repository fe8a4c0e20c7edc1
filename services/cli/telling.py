"""Saying an answer: as one JSON document to scripts, as pictures to people."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console, RenderableType

from services.cli.terminal import consoles

MORE = "[dim]there are more: raise --limit[/]"
"""Stands below a list that was cut."""

_LONGEST_TOLD = 60

AnyMessage = TypeVar("AnyMessage", bound=Message)


def as_json(answer: Message) -> dict[str, Any]:
    """With the names of the contract; what is empty is there, so that scripts need not ask."""
    return MessageToDict(
        answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def one_line(answer: Message) -> None:
    """The whole answer for scripts."""
    print(json.dumps(as_json(answer), ensure_ascii=False), flush=True)


def show(*pictures: RenderableType) -> None:
    """For people; what is empty is left out."""
    console = consoles.answers()
    for picture in pictures:
        if picture and console.is_terminal:
            console.print(picture)
        elif picture:
            _write_plain(console, picture)


def _write_plain(console: Console, picture: RenderableType) -> None:
    """Without the blanks that fill lines up: nobody sees them but who compares or cuts."""
    with console.capture() as drawn:
        console.print(picture)
    console.file.write("\n".join(line.rstrip(" ") for line in drawn.get().split("\n")))
    console.file.flush()


def tell(answer: Any, picture: Callable[[Any], Any], *, as_json: bool) -> None:
    """The whole answer to scripts, a picture of it to people."""
    if as_json:
        one_line(answer)
    else:
        show(picture(printable(answer)))


def printable(answer: AnyMessage) -> AnyMessage:
    """The same without control characters: ids are anybody's choice, and terminals obey them."""
    copy = type(answer)()
    copy.CopyFrom(answer)
    _clean(copy)
    return copy


def _clean(message: Message) -> None:
    for field, value in message.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            continue  # parameters, for programs
        if isinstance(value, str):
            setattr(message, field.name, shown(value))
        elif isinstance(value, Message):
            _clean(value)
        elif field.cpp_type == field.CPPTYPE_MESSAGE:
            for one in value:
                _clean(one)
        elif field.cpp_type == field.CPPTYPE_STRING:
            value[:] = [shown(one) for one in value]


def shown(text: str) -> str:
    """A text without control characters."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def is_text(value: object) -> bool:
    """Whether it can be sent: half of a character (a lone surrogate) cannot."""
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True


def shortened(text: str) -> str:
    """Its beginning, when it is too long to be told whole."""
    return text if len(text) <= _LONGEST_TOLD else f"{text[:_LONGEST_TOLD]}…"
