"""`python -m bench [name …]`: measure the claims of docs/performance.md."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import pkgutil
import re
import sys
import time
from collections.abc import Sequence

import bench
from bench import table
from bench.claim import Claim, Effort, Skipped, WrongCount
from bench.table import Document

_CLAIM = re.compile(r"p\d+_\w+")


def claims() -> list[Claim]:
    """Every claim, one file each, in the order of their numbers."""
    names = [found.name for found in pkgutil.iter_modules(bench.__path__)]
    found = [importlib.import_module(f"bench.{name}").CLAIM for name in names if _CLAIM.match(name)]
    return sorted(found, key=lambda claim: int(claim.name[1:]))


def main() -> int:
    arguments = _arguments()
    known = {claim.name: claim for claim in claims()}
    if arguments.list:
        for claim in known.values():
            print(f"{claim.name:5}{claim.title}")
        return 0
    if unknown := set(arguments.name) - known.keys():
        print(f"no such claim: {', '.join(unknown)}; see --list", file=sys.stderr)
        return 2
    chosen = [known[name] for name in arguments.name or known]
    findings = asyncio.run(_measure(chosen, Effort(arguments.full, arguments.rows)))
    if arguments.json:
        print(json.dumps(findings, indent=2))
    if arguments.markdown:
        print(table.markdown(findings))
    return 1 if any("failed" in found for found in findings) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=bench.__doc__)
    parser.add_argument("name", nargs="*", help="claims to measure; all when none is named")
    parser.add_argument("--list", action="store_true", help="tell what there is")
    effort = parser.add_mutually_exclusive_group()
    effort.add_argument("--quick", action="store_true", help="within 20 minutes (the default)")
    effort.add_argument("--full", action="store_true", help="the sizes and times of the claims")
    parser.add_argument("--rows", type=int, help="events present, for claims about size")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON document on standard output")
    form.add_argument("--markdown", action="store_true", help="the table of docs/performance.md")
    return parser.parse_args()


async def _measure(chosen: Sequence[Claim], effort: Effort) -> list[Document]:
    documents: list[Document] = []
    for claim in chosen:
        _say(f"\n{claim.name}  {claim.title}")
        began = time.monotonic()
        try:
            async for finding in claim.measure(effort):
                _say(table.line(finding))
                documents.append(table.document(claim, finding))
        except Skipped as missing:
            _say(f"    skipped: {missing}")
            documents.append({"claim": claim.name, "skipped": str(missing)})
        except WrongCount as wrong:
            _say(f"    FAILED: {wrong}")
            documents.append({"claim": claim.name, "failed": str(wrong)})
        _say(f"    ({time.monotonic() - began:.0f} s)")
    return documents


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
