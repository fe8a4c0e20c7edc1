"""The few doors that everything must take: to Postgres, to the caller, to the environment."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.unit.house.source import Breach, Module, dotted

SQL = re.compile(
    r"^\s*(select|insert\s+into|update\s+\S+\s+set|delete\s+from|merge\s+into|truncate\s"
    r"|with\s+\w+\s+as|copy\s+\S+\s+(from|to)|(create|alter|drop)\s+(table|index|schema|role))\b",
    re.IGNORECASE,
)
HOLDS_SQL = (
    "shared/database.py",
    "shared/startup.py",
    "shared/embedded",
    "shared/identity",
    "shared/schema",
)
OPENS_CONNECTIONS = (
    "shared/database.py",
    "shared/startup.py",
    "shared/schema",
    "shared/embedded",
)
ENGINES = {
    "create_async_engine",
    "create_engine",
    "AsyncConnectionPool",
    "ConnectionPool",
    "AsyncConnection.connect",
    "Connection.connect",
    "psycopg.connect",
}
TRANSACTIONS = {"begin", "begin_nested", "transaction", "commit", "rollback"}
AT_IMPORT = re.compile(
    r"(^|\.)(Settings|from_env|from_environ|load_settings|SystemClock|basicConfig"
    r"|create_async_engine|create_engine|sessionmaker|open|getenv|environ\.get|uuid4|uuid7"
    r"|datetime\.now|date\.today|time\.time|monotonic|perf_counter|token_bytes|token_hex"
    r"|new_event_loop|get_event_loop|asyncio\.(run|Lock|Queue|Event|Semaphore)|subprocess\.\w+"
    r"|socket\.socket|aio\.server|insecure_channel|secure_channel|start_http_server"
    r"|ThreadPoolExecutor|ProcessPoolExecutor)$"
)
MONEY = re.compile(r"(amount|price|cost|revenue|mrr|arr|budget|saving|spend)", re.IGNORECASE)
INEXACT = {"Float", "Double", "REAL", "DOUBLE", "DOUBLE_PRECISION", "FLOAT"}
INEXACT_SQL = re.compile(
    rf"\b\w*{MONEY.pattern}\w*\s+(real|float\d?|double\s+precision)\b", re.IGNORECASE
)


def _ships(module: Module) -> bool:
    return module.path.parts[0] in {"services", "shared"}


def _within(module: Module, *places: str) -> bool:
    return any(module.path.is_relative_to(place) for place in places)


def _calls(module: Module) -> Iterator[tuple[ast.Call, str]]:
    return ((call, dotted(call.func)) for call in module.nodes(ast.Call))


def _texts(module: Module) -> Iterator[tuple[ast.Constant, str]]:
    for node in module.nodes(ast.Constant):
        if isinstance(node.value, str):
            yield node, node.value


def sql_lives_in_queries(module: Module) -> Iterator[Breach]:
    """Every SQL statement of an area stands in its queries.py, as a function named by its verb.

    There it is found, explained and measured; strewn about, nobody knows what a table endures.
    Of what is shared, the schema, the start-up checks, credentials and the door itself hold SQL.
    """
    if not _ships(module) or module.room == "queries" or _within(module, *HOLDS_SQL):
        return
    for node, text in _texts(module):
        if SQL.match(text):
            yield from module.breach(node, f"holds SQL: {' '.join(text.split())[:40]!r}")
    for statement, name in module.imports():
        if name.startswith("sqlalchemy.") and module.path.parts[0] == "services":
            yield from module.breach(statement, f"imports {name}")


def one_door_to_postgres(module: Module) -> Iterator[Breach]:
    """Transactions open through `tenant_transaction`, with their tenant set, or not at all.

    Row security protects only those who said who they are. Another engine, pool, connection or
    BEGIN is a way round the wall; a use case takes the connection that the door hands it, and
    leaving the door commits. (In shared/rpc and shared/telemetry other things begin and end.)
    """
    if not _ships(module) or _within(module, *OPENS_CONNECTIONS, "shared/rpc", "shared/telemetry"):
        return
    for call, name in _calls(module):
        if any(name == engine or name.endswith(f".{engine}") for engine in ENGINES):
            yield from module.breach(call, f"opens its own way to Postgres: {name}")
        elif "." in name and name.rsplit(".", 1)[1] in TRANSACTIONS:
            yield from module.breach(call, f"handles a transaction itself: {name}")


def nobody_aborts(module: Module) -> Iterator[Breach]:
    """Raise a domain error. Only shared/rpc turns errors into statuses, for streams too.

    An abort elsewhere bypasses the table of errors, its reasons and its log.
    """
    if not _ships(module) or _within(module, "shared/rpc"):
        return
    for call, name in _calls(module):
        if re.search(r"\.(abort|abort_with_status|set_code|set_details)$", name):
            yield from module.breach(call, name)


def importing_does_nothing(module: Module) -> Iterator[Breach]:
    """Importing a module does nothing: no settings, engine, clock, loop, lock or file at the top.

    The one place that wires is `__main__`: what it makes, it hands down as an argument.
    """
    if not _ships(module) and module.path.parts[0] != "clients":
        return
    for statement in _at_import(module.tree.body):
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            if "versions" not in module.path.parts and module.path.name != "env.py":
                yield from module.breach(statement, "calls something for its effect")
            continue
        for node in _outside_functions(statement):
            if isinstance(node, ast.Call) and AT_IMPORT.search(dotted(node.func)):
                yield from module.breach(node, f"{dotted(node.func)}() runs at import")


def _at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        guarded = isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)
        if not guarded and not isinstance(statement, ast.Import | ast.ImportFrom):
            yield statement


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs at import: of a function its decorators and defaults, not its body."""
    yield node
    children = ast.iter_child_nodes(node)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        defaults = (default for default in node.args.kw_defaults if default)
        children = iter([*getattr(node, "decorator_list", ()), *node.args.defaults, *defaults])
    for child in children:
        yield from _outside_functions(child)


def no_offset(module: Module) -> Iterator[Breach]:
    """Pages continue after a key, never at an OFFSET.

    An offset reads all that it skips, and rows that come or go meanwhile are shown twice or never.
    """
    if not _ships(module):
        return
    for call, name in _calls(module):
        if name.endswith(".offset"):
            yield from module.breach(call, "pages by OFFSET")
    for node, text in _texts(module):
        if re.search(r"\boffset\s+(\d|%|:|\$)", text, re.IGNORECASE):
            yield from module.breach(node, "pages by OFFSET")


def money_is_exact(module: Module) -> Iterator[Breach]:
    """Money is google.type.Money on the wire, whole micros or numeric in Postgres, never a float.

    0.1 + 0.2 is not 0.3, and an invoice has to add up.
    """
    if not _ships(module):
        return
    for call, name in _calls(module):
        named = call.args and isinstance(call.args[0], ast.Constant) and str(call.args[0].value)
        if name.endswith("Column") and named and MONEY.search(named):
            kinds = {dotted(part).rsplit(".", 1)[-1] for part in ast.walk(call)}
            if kinds & INEXACT:
                yield from module.breach(call, f"{named} is a float")
    for node, text in _texts(module):
        if found := INEXACT_SQL.search(text):
            yield from module.breach(node, f"{found[0]!r} is a float")


def no_path_surgery(module: Module) -> Iterator[Breach]:
    """The install puts every package in reach; nobody touches sys.path or PYTHONPATH.

    If an import fails, the layout or the install is wrong: `make setup`.
    """
    for node in module.nodes(ast.Attribute):
        if dotted(node) in {"sys.path", "sys.meta_path", "sys.path_hooks"}:
            yield from module.breach(node, f"touches {dotted(node)}")
    for statement, name in module.imports():
        if name == "sys.path":
            yield from module.breach(statement, "touches sys.path")


RULES = [
    sql_lives_in_queries,
    one_door_to_postgres,
    nobody_aborts,
    importing_does_nothing,
    no_offset,
    money_is_exact,
    no_path_surgery,
]
