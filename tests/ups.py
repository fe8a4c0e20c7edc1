"""`footfall up` as scripts use it: started, awaited by its one line, told to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from grpc_health.v1 import health_pb2

from shared.data_dir import DataDir
from tests.running import until_nothing_runs_on


@dataclass
class Up:
    """A running `footfall up`."""

    process: subprocess.Popen[str]
    module: str
    data_dir: DataDir
    lines: list[str] = field(default_factory=list)

    @property
    def line(self) -> Mapping[str, Any]:
        """The line it printed when all served; waits for it."""
        if not self.lines:
            assert self.process.stdout is not None
            self.lines.append(self.process.stdout.readline())
        found: Mapping[str, Any] = json.loads(self.lines[0])
        return found

    def status(self) -> subprocess.CompletedProcess[str]:
        return footfall(self.module, "status", "--json", "--data-dir", str(self.data_dir.root))

    def end(self, signum: int, seconds: float = 30.0) -> tuple[int, str, str]:
        """Exit code, what else it printed, and what it told the operator."""
        self.process.send_signal(signum)
        out, err = self.process.communicate(timeout=seconds)
        return self.process.returncode, out, err


def footfall(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments], capture_output=True, text=True, timeout=90,
        check=False,
    )  # fmt: skip


@contextmanager
def up(
    data_dir: DataDir, *arguments: str, module: str = "services.cli", **environment: str
) -> Iterator[Up]:
    """Start it on free ports; whatever happens, nothing of it is left running."""
    argv = ["up", "--json", "--ports", "auto", "--data-dir", str(data_dir.root), *arguments]
    with subprocess.Popen(
        [sys.executable, "-m", module, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**os.environ, **environment},
    ) as process:  # fmt: skip
        try:
            yield Up(process, module, data_dir)
        finally:
            process.kill()
    until_nothing_runs_on(data_dir.root)


def until_serving(address: str, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not serves(address):
        assert time.monotonic() < deadline, f"{address} does not serve after {seconds} s"
        time.sleep(0.05)


def serves(address: str) -> bool:
    with grpc.insecure_channel(address) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            answer = check(health_pb2.HealthCheckRequest(), timeout=1)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
