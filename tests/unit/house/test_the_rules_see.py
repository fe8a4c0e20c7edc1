"""A rule that sees nothing guards nothing: each is shown code that breaks it.

The code is never run, only read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.unit.house.rules import doors, imports, shape
from tests.unit.house.source import Breach, Module

AREA = "services/journey/journey"
LONG = "why\n" * 60
Rule = Callable[[Module], Iterator[Breach]]

BROKEN: list[tuple[Rule, str, str]] = [
    (
        imports.rooms_point_inward,
        f"{AREA}/rules.py",
        "from services.journey.journey import queries",
    ),
    (imports.rooms_point_inward, f"{AREA}/usecases.py", "from . import handlers"),
    (imports.rooms_point_inward, f"{AREA}/rules/score.py", "from .. import usecases"),
    (imports.rooms_keep_to_their_world, f"{AREA}/usecases.py", "import grpc"),
    (imports.rooms_keep_to_their_world, f"{AREA}/handlers.py", "from sqlalchemy import select"),
    (imports.rooms_keep_to_their_world, f"{AREA}/queries.py", "from footfall.x.v1 import x_pb2"),
    (imports.rules_are_pure, f"{AREA}/rules.py", "from shared.database import Database"),
    (imports.rules_are_pure, f"{AREA}/rules.py", "from . import queries"),
    (imports.rules_are_pure, f"{AREA}/errors.py", "import grpc"),
    (imports.services_are_strangers, f"{AREA}/usecases.py", "import services.pricing.audit"),
    (imports.services_are_strangers, "shared/ids.py", "from services import journey"),
    (imports.services_are_strangers, "clients/python/footfall_client/q.py", "import shared.ids"),
    (imports.nothing_leans_on_tests, "shared/ids.py", "from tests.postgres import cluster"),
    (shape.areas_have_known_rooms, f"{AREA}/scoring.py", "x = 1"),
    (shape.areas_have_known_rooms, "services/journey/scores.py", "x = 1"),
    (shape.areas_say_what_they_promise, f"{AREA}/__init__.py", ""),
    (shape.areas_say_what_they_promise, f"{AREA}/__init__.py", '"""So."""\nfrom . import rules'),
    (shape.files_stay_short, "shared/ids.py", "x = 1\n" * 401),
    (shape.functions_stay_short, "shared/ids.py", "def f():\n" + "    x = 1\n" * 40),
    (shape.handlers_stay_thin, f"{AREA}/handlers.py", "def F():\n" + "    x = 1\n" * 12),
    (shape.handlers_stay_thin, f"{AREA}/handlers.py", "try:\n    x\nexcept ValueError:\n    y"),
    (shape.handlers_are_named_as_their_rpc, f"{AREA}/handlers.py", "def GetMRR(): get_it()"),
    (shape.names_say_what, "shared/date_utils.py", "x = 1"),
    (shape.names_say_what, "shared/helpers/dates.py", "x = 1"),
    (shape.names_say_what, "shared/ids.py", "class IdManager: ..."),
    (shape.names_say_what, "shared/ids.py", "def process_events(): ..."),
    (shape.rooms_speak_alike, f"{AREA}/queries.py", "def client(): ..."),
    (shape.rooms_speak_alike, f"{AREA}/wire.py", "async def client(): ..."),
    (doors.sql_lives_in_queries, f"{AREA}/usecases.py", 'x = "SELECT 1"'),
    (doors.sql_lives_in_queries, f"{AREA}/usecases.py", "from sqlalchemy import select"),
    (doors.one_door_to_postgres, f"{AREA}/usecases.py", "create_async_engine(url)"),
    (doors.one_door_to_postgres, f"{AREA}/queries.py", "await connection.commit()"),
    (doors.one_door_to_postgres, f"{AREA}/usecases.py", "async with engine.begin(): ..."),
    (doors.nobody_aborts, f"{AREA}/handlers.py", "await context.abort(code, 'no')"),
    (doors.importing_does_nothing, "shared/settings.py", "SETTINGS = Settings()"),
    (doors.importing_does_nothing, "shared/settings.py", "register(__name__)"),
    (doors.importing_does_nothing, "shared/settings.py", "class A:\n    x = open('f')"),
    (doors.importing_does_nothing, "shared/settings.py", "def f(now=datetime.now()): ..."),
    (doors.no_offset, f"{AREA}/queries.py", "select(t).offset(3)"),
    (doors.no_offset, f"{AREA}/queries.py", 'q = "select 1 limit 5 offset %s"'),
    (doors.money_is_exact, "shared/schema/events.py", "Column('cost', Float)"),
    (doors.money_is_exact, "shared/schema/x.py", 'q = "create table x (price double precision)"'),
    (doors.no_path_surgery, "shared/ids.py", "sys.path.insert(0, 'x')"),
]

KEPT: list[tuple[Rule, str, str]] = [
    (imports.rooms_point_inward, f"{AREA}/usecases.py", "from . import errors, queries, rules"),
    (imports.rules_are_pure, f"{AREA}/rules.py", "import math\nfrom shared.errors import Refused"),
    (imports.rules_are_pure, f"{AREA}/rules/score.py", "from .. import errors"),
    (imports.services_are_strangers, "services/cli/up.py", "import services.journey.__main__"),
    (shape.functions_stay_short, "shared/ids.py", f'def f():\n    """{LONG}"""'),
    (shape.handlers_are_named_as_their_rpc, f"{AREA}/handlers.py", "def GetMRR(): u.get_mrr()"),
    (doors.sql_lives_in_queries, f"{AREA}/queries.py", 'x = "SELECT 1"'),
    (doors.importing_does_nothing, "shared/x.py", "def f():\n    return open('x')"),
    (doors.importing_does_nothing, "shared/x.py", "if __name__ == '__main__':\n    main()"),
    (doors.money_is_exact, "shared/schema/events.py", "Column('cost_micros', BigInteger)"),
    (doors.nobody_aborts, f"{AREA}/handlers.py", "c.abort()  # house: it is a C library's own"),
]


@pytest.mark.parametrize(("rule", "path", "text"), BROKEN)
def test_what_breaks_the_rule_is_seen(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Module.of(path, text)))


@pytest.mark.parametrize(("rule", "path", "text"), KEPT)
def test_what_keeps_the_rule_is_left_alone(rule: Rule, path: str, text: str) -> None:
    assert not list(rule(Module.of(path, text)))


def test_every_rule_is_shown_code_that_breaks_it() -> None:
    shown = {rule for rule, _, _ in BROKEN}
    assert shown == {*imports.RULES, *shape.RULES, *doors.RULES}
