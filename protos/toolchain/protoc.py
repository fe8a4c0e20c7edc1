"""One run of protoc: messages, gRPC stubs and the types of both."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import grpc_tools

WELL_KNOWN = Path(grpc_tools.__file__).parent / "_proto"
VALIDATE = "buf/validate/validate.proto"


class ProtocFailed(Exception):
    """protoc refused the protos; what it said stands above."""


def protoc(*arguments: str | Path) -> None:
    """Run protoc with the plug-ins of this very environment in reach."""
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{WELL_KNOWN}", *map(str, arguments)]
    if subprocess.run(command, env={**os.environ, "PATH": path}, check=False).returncode:
        raise ProtocFailed(ProtocFailed.__doc__)


def generate(root: Path, imports: Path, out: Path) -> None:
    """Write stubs for every proto of ours, and for buf.validate, which no package ships."""
    ours = sorted(str(proto.relative_to(root)) for proto in root.glob("footfall/**/*.proto"))
    out.mkdir()
    protoc(
        f"-I{root}",
        f"-I{imports}",
        f"--python_out={out}",
        f"--mypy_out=quiet:{out}",
        f"--grpc_python_out={out}",
        f"--mypy_grpc_out=quiet:{out}",
        VALIDATE,
        *ours,
    )
    _drop_stubs_without_a_service(out)
    for package in out.iterdir():
        (package / "py.typed").touch()


def _drop_stubs_without_a_service(out: Path) -> None:
    for stub in out.rglob("*_pb2_grpc.py"):
        if "class " not in stub.read_text():
            stub.unlink()
            stub.with_suffix(".pyi").unlink(missing_ok=True)
