"""The stubs are built by the install and never committed: this hook runs the toolchain first."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class StubsHook(BuildHookInterface[Any]):
    """Generate `gen/` before hatchling looks for the packages in it, editable or not."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        subprocess.run([sys.executable, "-m", "toolchain"], cwd=self.root, check=True)
