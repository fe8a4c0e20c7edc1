"""What buf does not see: promises that every proto of ours makes to whoever calls it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from google.protobuf.descriptor import (
    Descriptor,
    FieldDescriptor,
    FileDescriptor,
    MethodDescriptor,
)

from footfall.options.v1 import options_pb2
from tests.unit.house.source import ROOT

PROTOS = sorted((ROOT / "protos").glob("footfall/**/*.proto"))
MONEY = re.compile(r"(^|_)(amount|price|cost|revenue|mrr|arr|budget|saving|spend)(_|$)")
INEXACT = {FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE}
PROTO_LINES = 400


@cache
def files() -> list[FileDescriptor]:
    names = (str(path.relative_to(ROOT / "protos").with_suffix("")) for path in PROTOS)
    return [import_module(f"{name.replace('/', '.')}_pb2").DESCRIPTOR for name in names]


def methods() -> Iterator[MethodDescriptor]:
    for file in files():
        for service in file.services_by_name.values():
            yield from service.methods


def messages() -> Iterator[Descriptor]:
    waiting = [message for file in files() for message in file.message_types_by_name.values()]
    while waiting:
        message = waiting.pop()
        waiting.extend(message.nested_types)
        yield message


@pytest.mark.parametrize("proto", PROTOS, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_a_proto_stays_within_its_budget(proto: Path) -> None:
    """The proto is the manual: past 400 lines nobody reads it. Cut it where its subject changes."""
    assert len(proto.read_text().splitlines()) <= PROTO_LINES


def test_every_method_names_its_scope() -> None:
    """`option (footfall.options.v1.scope) = "events:write";` — unset means that nobody may call."""
    unscoped = [m.full_name for m in methods() if not m.GetOptions().Extensions[options_pb2.scope]]
    assert unscoped == []


def test_a_list_can_be_paged() -> None:
    """Lists page from day one, by an opaque token: adding it later breaks every client."""
    for method in methods():
        if method.name.startswith("List"):
            asked, answered = method.input_type.fields_by_name, method.output_type.fields_by_name
            assert {"page_size", "page_token"} <= set(asked), method.full_name
            assert "next_page_token" in answered, method.full_name


def test_no_request_names_its_organisation() -> None:
    """The credential says whose data it is: what a caller could claim, a caller could forge."""
    for method in methods():
        assert not {"org_id", "organisation_id", "tenant_id"} & set(
            method.input_type.fields_by_name
        )


def test_money_is_never_a_float() -> None:
    """google.type.Money, or whole micros: 0.1 + 0.2 is not 0.3, and an invoice has to add up."""
    floats = [
        field.full_name
        for message in messages()
        for field in message.fields
        if MONEY.search(field.name) and field.type in INEXACT
    ]
    assert floats == []


def test_a_repeat_of_a_change_can_be_recognised() -> None:
    """Whatever creates, updates or deprecates takes a `request_id`: a retry must not act twice."""
    changes = re.compile(r"^(Create|Update|Deprecate|Delete)")
    for method in methods():
        if changes.match(method.name):
            assert "request_id" in method.input_type.fields_by_name, method.full_name
