"""Build `third_party/` (what our protos import) and `gen/` (what Python imports); git ignores both.

The proto root is the Python root, so `footfall/events/v1/event.proto` is `footfall.events.v1` with
no path surgery. `google.*` comes from the installed packages and is never generated again.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from toolchain import protoc, third_party

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Build both folders aside and swap them in, so that a failure leaves the old ones whole."""
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".building-") as building:
        imports, stubs = Path(building, "third_party"), Path(building, "gen")
        third_party.collect(imports)
        protoc.generate(ROOT, imports, stubs)
        for folder in (imports, stubs):
            shutil.rmtree(ROOT / folder.name, ignore_errors=True)
            folder.rename(ROOT / folder.name)


if __name__ == "__main__":
    try:
        main()
    except protoc.ProtocFailed as failure:
        sys.exit(f"protos: {failure}")
