"""Which way imports may point."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tests.unit.house.source import Breach, Module

# Each room, the rooms of its own area that it may see, and the worlds that it must not know.
INWARD = {
    "handlers": {"usecases", "wire"},
    "wire": {"rules", "errors"},
    "usecases": {"rules", "queries", "errors"},
    "queries": {"rules", "errors"},
    "rules": {"rules", "errors"},
    "errors": set(),
}
WIRE_FORMATS = {"grpc", "footfall", "google", "buf"}
DATABASE = {"sqlalchemy", "psycopg", "psycopg_pool"}
UNKNOWN_WORLDS = {
    "handlers": DATABASE,
    "wire": DATABASE,
    "usecases": WIRE_FORMATS | DATABASE,
    "queries": WIRE_FORMATS,
}
PURE_SHARED = ("shared.errors", "shared.ids", "shared.clock", "shared.money")
PURE_LIBRARIES = {  # they compute and do nothing else
    "jsonschema_rs",
    "numpy",
    "orjson",
    "scipy",
    "statsmodels",
}


def _starts(name: str, *prefixes: str) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def rooms_point_inward(module: Module) -> Iterator[Breach]:
    """Imports of an area point inward: handlers → usecases → rules.

    Handlers see wire and usecases; usecases see queries and rules; wire and queries see rules; all
    but handlers see errors. Whoever needs the other direction has found code in the wrong room.
    """
    if module.area is None or module.room not in INWARD:
        return
    for node, name in module.imports():
        if not _starts(name, module.area):
            continue
        room = name.removeprefix(module.area).strip(".").split(".")[0]
        if room in INWARD and room != module.room and room not in INWARD[module.room]:
            yield from module.breach(node, f"{module.room} must not import {room}")


def rooms_keep_to_their_world(module: Module) -> Iterator[Breach]:
    """Only handlers and wire know gRPC and protos, only queries know SQL.

    A use case takes and returns domain values, so that it can be read, and tested, without either.
    """
    for node, name in module.imports() if module.room else ():
        if name.split(".")[0] in UNKNOWN_WORLDS.get(module.room or "", ()):
            yield from module.breach(node, f"{module.room} must not know {name}")


def rules_are_pure(module: Module) -> Iterator[Breach]:
    """Rules import the standard library, what is pure in shared, and rules and errors.

    Time, ids and randomness are arguments. What is pure needs no fake, no database and no loop.
    """
    if module.area is None or module.room not in {"rules", "errors"}:
        return
    for node, name in module.imports():
        known = name.split(".")[0] in PURE_LIBRARIES | sys.stdlib_module_names
        if not known and not _starts(name, *PURE_SHARED) and not _is_pure_room(name):
            yield from module.breach(node, f"{module.room} must not import {name}")


def _is_pure_room(name: str) -> bool:
    """Of an area or of the package that holds it: `from . import rules` names both."""
    room = name.split(".")[3:4]
    return name.startswith("services.") and (not room or room[0] in {"rules", "errors"})


def services_are_strangers(module: Module) -> Iterator[Breach]:
    """A service imports no other service: they talk over gRPC, each deployed by itself.

    What two of them need goes to `shared`, which knows no service. `services.cli` starts the others
    and may know them; the client library stands on the protos alone.
    """
    own = ".".join(module.path.parts[:2])
    for node, name in module.imports():
        if _starts(name, "services") and not _may_import_service(module, name, own):
            yield from module.breach(node, f"{own} must not import {name}")
        if _starts(module.name, "footfall_client") and _starts(name, "shared"):
            yield from module.breach(node, f"the client library must not import {name}")


def _may_import_service(module: Module, name: str, own: str) -> bool:
    if module.path.parts[0] in {"tests", "bench"} or own == "services.cli":
        return True
    return _starts(name, own) or name.split(".")[1:2] == ["__init__"]


def nothing_leans_on_tests(module: Module) -> Iterator[Breach]:
    """Code that ships imports neither `tests` nor `bench`: they are not installed with it."""
    if module.path.parts[0] not in {"tests", "bench"}:
        for node, name in module.imports():
            if _starts(name, "tests", "bench"):
                yield from module.breach(node, f"imports {name}")


RULES = [
    rooms_point_inward,
    rooms_keep_to_their_world,
    rules_are_pure,
    services_are_strangers,
    nothing_leans_on_tests,
]
