"""Where positions of the commit log come from, also after a restore into another cluster.

A position is the writer's transaction id and a shift. Transaction ids are those of one cluster; a
dump that is restored into another one brings positions, cursors and resume tokens of the old along.
`settle` then shifts the new ids beyond all of them: what was logged before comes before what will
be, nothing is passed by and nothing has to be emptied. The shift is a constant inside functions:
it costs no writer a look-up, and a dump carries it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

_GAP = 1 << 40
"""Beyond the last position that a dump knows: the old cluster may have gone on for a while, and
there are tokens of that time."""


@dataclass(frozen=True, slots=True)
class Home:
    """The cluster whose transaction ids are in use, 0 while unknown, and what is added to them."""

    cluster: int
    shift: int


def functions(home: Home) -> tuple[str, str, str]:
    """What makes or replaces the functions that know it."""
    return (
        f"""CREATE OR REPLACE FUNCTION app.log_cluster() RETURNS bigint
            LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT {home.cluster}::bigint $$""",
        f"""CREATE OR REPLACE FUNCTION app.log_position() RETURNS bigint
            LANGUAGE sql STABLE AS $$
              SELECT pg_catalog.pg_current_xact_id()::text::bigint + {home.shift}::bigint $$""",
        # Below the oldest transaction that still runs, positions are the order of commits: nothing
        # can appear there any more.
        f"""CREATE OR REPLACE FUNCTION app.log_horizon() RETURNS bigint
            LANGUAGE sql STABLE PARALLEL SAFE AS $$
              SELECT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text::bigint
                + {home.shift}::bigint $$""",
    )


_SELECT_HERE = "SELECT system_identifier FROM pg_catalog.pg_control_system()"

_SELECT_HOME = "SELECT app.log_cluster(), app.log_position() - pg_current_xact_id()::text::bigint"

_SELECT_LAST = """
SELECT greatest(
  (SELECT max(position) FROM app.event_log), (SELECT max(position) FROM app.session_cursors),
  (SELECT max(position) FROM app.insight_changes),
  (SELECT max(position) FROM app.journey_changes),
  (SELECT max(position) FROM app.journey_cursors),
  (SELECT max(position) FROM app.approval_changes), 0)
"""

_SELECT_NEXT = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"


def settle(connection: Connection) -> None:
    """Make this cluster the home of the log, as the owner of the schema; again changes nothing.

    Nobody writes between a restore and this: services refuse to start before.
    """
    here, home = _number(connection, _SELECT_HERE), _home(connection)
    last = _number(connection, _SELECT_LAST)
    following = _number(connection, _SELECT_NEXT) + home.shift
    moved = home.cluster not in {0, here} or last >= following
    wanted = Home(here, max(last, home.shift) + _GAP if moved else home.shift)
    if wanted != home:
        for function in functions(wanted):
            connection.exec_driver_sql(function)


def _home(connection: Connection) -> Home:
    cluster, shift = connection.exec_driver_sql(_SELECT_HOME).one()
    return Home(cluster, shift)


def _number(connection: Connection, query: str) -> int:
    return int(connection.exec_driver_sql(query).scalar_one())
