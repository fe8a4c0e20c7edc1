"""Collects the protos that ours import from the packages that own them, instead of copying them in.

`google/{api,rpc,type}` lie beside the code of googleapis-common-protos. Nobody ships the source of
`buf/validate/validate.proto`, but protovalidate carries its descriptor: it is printed from that,
compiled again and compared, so a printer that forgets something fails the build.

The Google packages are untyped: type stubs of their messages are left here for mypy, never for
Python itself, which keeps importing the installed packages.
"""

from __future__ import annotations

import shutil
from importlib.metadata import distribution
from pathlib import Path

from google.protobuf import descriptor_pb2
from protovalidate._gen.buf.validate import validate_pb

from toolchain.printer import print_proto
from toolchain.protoc import VALIDATE, ProtocFailed, protoc

AREAS = ("google/api", "google/rpc", "google/type")

LICENCE = """\
// Copyright 2023-2026 Buf Technologies, Inc., Apache License 2.0.
// Printed from the descriptor in the protovalidate package; do not edit.

"""


def collect(target: Path) -> None:
    """Fill `target` with every proto outside our own tree that one of ours may import."""
    _copy_google(target)
    _print_validate(target)


def _copy_google(target: Path) -> None:
    package = distribution("googleapis-common-protos")
    protos = [
        file
        for file in package.files or ()
        if file.suffix == ".proto" and str(file.parent) in AREAS
    ]
    for file in protos:
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(package.locate_file(file)), target / file)
    protoc(f"-I{target}", f"--mypy_out=quiet:{target}", *map(str, protos))


def _print_validate(target: Path) -> None:
    held = validate_pb._DESC.proto.to_binary()  # noqa: SLF001 (there is no public way to it)
    wanted = descriptor_pb2.FileDescriptorProto.FromString(held)
    source = target / VALIDATE
    source.parent.mkdir(parents=True)
    source.write_text(LICENCE + print_proto(wanted))

    image = target / "validate.binpb"
    protoc(f"-I{target}", f"--descriptor_set_out={image}", VALIDATE)
    printed = descriptor_pb2.FileDescriptorSet.FromString(image.read_bytes()).file[0]
    image.unlink()
    if printed != wanted:
        raise ProtocFailed(
            f"{VALIDATE}: what was printed does not compile to what protovalidate holds"
        )
