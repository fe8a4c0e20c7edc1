"""Programs under test: started, watched by their log lines, stopped by their process id."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from services.cli.suite import SUITE


@dataclass
class Program:
    """One child, and what it wrote to standard error."""

    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)
    reader: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        return str(self.said("listening")["address"])

    def said(self, message: str) -> dict[str, Any]:
        return next(event for event in self.events() if event["message"] == message)

    def events(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.lines]

    async def heard(self, message: str) -> None:
        async with asyncio.timeout(30):
            while not any(event["message"] == message for event in self.events()):
                assert self.process.returncode is None, "".join(self.lines)
                await asyncio.sleep(0.02)

    def send(self, signum: signal.Signals) -> None:
        self.process.send_signal(signum)

    async def ended(self, seconds: float = 30) -> int:
        async with asyncio.timeout(seconds):
            code = await self.process.wait()
            assert self.reader is not None
            await self.reader
            return code

    async def read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.lines.append(line.decode())


@asynccontextmanager
async def program(*module: str, environ: Mapping[str, str] | None = None) -> AsyncIterator[Program]:
    """`python -m module …` with free ports, killed at the end if it still runs."""
    ports = {variable: "0" for program in SUITE for variable in program.ports()}
    inherited = {name: text for name, text in os.environ.items() if "FOOTFALL" not in name}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *module,
        env={**inherited, **ports, **(environ or {})},
        stderr=asyncio.subprocess.PIPE,
    )
    child = Program(process)
    child.reader = asyncio.create_task(child.read())
    try:
        yield child
    finally:
        if process.returncode is None:
            process.kill()
        await child.ended()
