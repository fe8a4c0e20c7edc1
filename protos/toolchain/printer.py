"""A descriptor printed as proto source: as much of the language as `validate.proto` uses.

Its caller compiles the text again and compares, so a construct this does not know cannot slip by.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from importlib import import_module
from itertools import chain

from google.protobuf import descriptor_pb2 as pb
from google.protobuf import descriptor_pool, message, message_factory, text_format
from google.protobuf.descriptor import FieldDescriptor

ENUM_MAX, FIELD_MAX = 2**31 - 1, 2**29


def print_proto(file: pb.FileDescriptorProto) -> str:
    """Return proto source that compiles to `file`."""
    printer = _Printer(file)
    return "\n".join(printer.file(file)) + "\n"


class _Printer:
    def __init__(self, file: pb.FileDescriptorProto) -> None:
        # Options may use extensions that the very file defines: a pool of its own knows them.
        self._pool = descriptor_pool.DescriptorPool()
        for dependency in file.dependency:
            module = import_module(dependency.removesuffix(".proto").replace("/", ".") + "_pb2")
            self._pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
        self._pool.AddSerializedFile(file.SerializeToString())

    def file(self, file: pb.FileDescriptorProto) -> Iterator[str]:
        yield f'syntax = "{file.syntax or "proto2"}";'
        yield f"package {file.package};"
        yield from (f'import "{path}";' for path in file.dependency)
        yield from self._option_lines(file.options)
        for extension in file.extension:
            yield from _block(f"extend {extension.extendee}", [self._field(extension)])
        for enum in file.enum_type:
            yield from _block(f"enum {enum.name}", self._enum(enum))
        for kind in file.message_type:
            yield from _block(f"message {kind.name}", self._message(kind))

    def _enum(self, enum: pb.EnumDescriptorProto) -> Iterator[str]:
        yield from self._option_lines(enum.options)
        yield from (f"{value.name} = {value.number};" for value in enum.value)
        spans = ((span.start, span.end) for span in enum.reserved_range)
        yield from _reserved("reserved", spans, ENUM_MAX)
        yield from _names(enum.reserved_name)

    def _message(self, kind: pb.DescriptorProto) -> Iterator[str]:
        yield from self._option_lines(kind.options)
        shown: set[int] = set()
        for field in kind.field:
            if not _in_real_oneof(field):
                yield self._field(field)
            elif field.oneof_index not in shown:  # a oneof stands where its first field stands
                shown.add(field.oneof_index)
                yield from self._oneof(kind, field.oneof_index)
        reserved = ((span.start, span.end - 1) for span in kind.reserved_range)
        yield from _reserved("reserved", reserved, FIELD_MAX - 1)
        yield from _names(kind.reserved_name)
        open_ = ((span.start, span.end - 1) for span in kind.extension_range)
        yield from _reserved("extensions", open_, FIELD_MAX - 1)

    def _oneof(self, kind: pb.DescriptorProto, index: int) -> Iterator[str]:
        oneof = kind.oneof_decl[index]
        fields = (f for f in kind.field if _in_real_oneof(f) and f.oneof_index == index)
        body = chain(self._option_lines(oneof.options), map(self._field, fields))
        return _block(f"oneof {oneof.name}", body)

    def _field(self, field: pb.FieldDescriptorProto) -> str:
        label = "" if _in_real_oneof(field) else f"{_word(field.Label.Name(field.label))} "
        kind = field.type_name or _word(field.Type.Name(field.type))
        options = ", ".join(self._options(field.options))
        return f"{label}{kind} {field.name} = {field.number}{f' [{options}]' if options else ''};"

    def _option_lines(self, options: message.Message) -> Iterator[str]:
        return (f"option {option};" for option in self._options(options))

    def _options(self, options: message.Message) -> Iterator[str]:
        known = self._pool.FindMessageTypeByName(options.DESCRIPTOR.full_name)
        parsed = message_factory.GetMessageClass(known).FromString(options.SerializeToString())
        for field, value in parsed.ListFields():
            name = f"({field.full_name})" if field.is_extension else field.name
            for each in value if field.is_repeated else [value]:
                yield f"{name} = {_literal(field, each)}"


def _literal(field: FieldDescriptor, value: object) -> str:
    if isinstance(value, message.Message):
        return f"{{ {text_format.MessageToString(value, as_one_line=True)} }}"
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, int) and field.enum_type:
        return field.enum_type.values_by_number[value].name
    return str(value).lower()


def _in_real_oneof(field: pb.FieldDescriptorProto) -> bool:
    return field.HasField("oneof_index") and not field.proto3_optional


def _reserved(keyword: str, spans: Iterable[tuple[int, int]], limit: int) -> Iterator[str]:
    for first, last in spans:
        yield f"{keyword} {first} to {'max' if last == limit else last};"


def _names(names: Iterable[str]) -> Iterator[str]:
    return (f'reserved "{name}";' for name in names)


def _word(enum_name: str) -> str:
    return enum_name.split("_", 1)[1].lower()


def _block(head: str, body: Iterable[str]) -> Iterator[str]:
    yield f"{head} {{"
    yield from (f"  {line}" for line in body)
    yield "}"
