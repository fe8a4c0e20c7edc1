"""Where things live, how long they may be and what they may be called."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.unit.house.source import Breach, Function, Module, dotted

ROOMS = {"__init__", "handlers", "wire", "usecases", "rules", "queries", "errors"}
SERVICE_FILES = {"__init__", "__main__", "worker"}
FILE_LINES, FUNCTION_LINES, HANDLER_LINES = 400, 40, 12
DUMPING_GROUNDS = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "managers"}
VAGUE = re.compile(
    r"^_?process(_(batch|data|event|item|message|request)s?)?$|((?<!Tier)Manager|Helper|Helpers|Util|Utils|Processor)$"
)
SQL_VERBS = re.compile(
    r"^(select|insert|update|delete|upsert|merge|lock|copy|notify|listen|create|drop|truncate)_"
)


def areas_have_known_rooms(module: Module) -> Iterator[Breach]:
    """Every area has the same rooms, so that who knows one area knows them all.

    They are handlers, wire, usecases, rules, queries and errors, each a file or, when there is
    much of it, a folder. Beside its areas a service has `__main__`, its only wiring, and a worker.
    """
    if module.area and module.room not in ROOMS:
        yield from module.breach(1, f"an area has no room {module.room!r}")
    service_file = module.path.parts[0] == "services" and len(module.path.parts) == 3
    if service_file and module.path.parts[1] != "cli" and module.path.stem not in SERVICE_FILES:
        yield from module.breach(1, "stands beside the areas of its service: which one owns it?")


def files_stay_short(module: Module) -> Iterator[Breach]:
    """A file aims at 120 lines and needs a reason past 400: cut it where its subject changes."""
    if len(module.lines) > FILE_LINES:
        yield from module.breach(1, f"{len(module.lines)} lines")


def functions_stay_short(module: Module) -> Iterator[Breach]:
    """A function aims at 10 lines and needs a reason past 40, its docstring not counted.

    Name its paragraphs and make them functions. Migrations read from top to bottom and are exempt.
    """
    if "versions" in module.path.parts:
        return
    for function in module.functions():
        if (length := _length(function)) > FUNCTION_LINES:
            yield from module.breach(function, f"{function.name} has {length} lines")


def handlers_stay_thin(module: Module) -> Iterator[Breach]:
    """A handler decodes, acts and encodes, within a dozen lines and with no error handling.

    Business belongs into usecases and rules, translation into wire, and what a client sees of an
    error into the one table of shared/rpc/status.py.
    """
    if module.room != "handlers":
        return
    for function in module.functions():
        if (length := _length(function)) > HANDLER_LINES:
            yield from module.breach(function, f"{function.name} has {length} lines")
    for attempt in module.nodes(ast.Try):
        if attempt.handlers:
            yield from module.breach(attempt, "catches errors")


def names_say_what(module: Module) -> Iterator[Breach]:
    """Nothing is called utils, helpers, common, manager or process: such names attract everything.

    Name the noun it is about, or leave the code where it is used.
    """
    for part in module.path.with_suffix("").parts:
        if DUMPING_GROUNDS & set(part.split("_")):
            yield from module.breach(1, f"{part!r} says nothing")
    for node in (*module.functions(), *module.nodes(ast.ClassDef)):
        if VAGUE.search(node.name):
            yield from module.breach(node, f"{node.name!r} says nothing")


def rooms_speak_alike(module: Module) -> Iterator[Breach]:
    """Names tell the room: a query starts with its SQL verb, wire is to_x and from_x."""
    for function in module.public_functions():
        if module.room == "queries" and not SQL_VERBS.match(function.name):
            yield from module.breach(function, f"{function.name} hides its SQL verb")
        if module.room == "wire" and not re.match(r"(to|from)_", function.name):
            yield from module.breach(function, f"{function.name} is neither to_x nor from_x")


def handlers_are_named_as_their_rpc(module: Module) -> Iterator[Breach]:
    """RPC = handler = use case: `IngestEvent` is answered by `usecases.ingest_event`."""
    if module.room != "handlers":
        return
    for handler in module.functions():
        if handler.name[0].isupper() and (use := snake_case(handler.name)) not in _names(handler):
            yield from module.breach(handler, f"{handler.name} does not call {use}")


def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def areas_say_what_they_promise(module: Module) -> Iterator[Breach]:
    """The `__init__.py` of an area says in five lines what the area promises, and nothing else."""
    if module.room != "__init__":
        return
    if not ast.get_docstring(module.tree):
        yield from module.breach(1, "promises nothing")
    for statement in module.tree.body[1:]:
        yield from module.breach(statement, "does more than promise")


def _length(function: Function) -> int:
    """Lines from `def` to the end, without the docstring."""
    doc = function.body[0] if ast.get_docstring(function) else None
    return _lines(function) - (_lines(doc) if doc else 0)


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _names(node: ast.AST) -> set[str]:
    return {dotted(part).rsplit(".", 1)[-1] for part in ast.walk(node)}


RULES = [
    areas_have_known_rooms,
    areas_say_what_they_promise,
    files_stay_short,
    functions_stay_short,
    handlers_stay_thin,
    handlers_are_named_as_their_rpc,
    names_say_what,
    rooms_speak_alike,
]
