"""Organisations, keys and members by the command line, as scripts and people use it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner, Result

from services.cli.__main__ import main
from shared.identity.administration import organisations
from shared.identity.api_keys import read_api_key
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase


class Footfall:
    """The command, pointed to the database of a test."""

    def __init__(self, database: MigratedDatabase) -> None:
        self._environ = {**database.environ, "FOOTFALL_DATA_DIR": str(database.data_dir.root)}

    def __call__(self, *words: object, **environ: str | None) -> Result:
        return CliRunner().invoke(
            main, [str(word) for word in words], env={**self._environ, **environ}
        )

    def json(self, *words: object) -> Any:
        result = self(*words, "--json")
        assert result.exit_code == 0, result.output
        assert len(result.stdout.splitlines()) == 1
        return json.loads(result.stdout)

    def refusal(self, *words: object, **environ: str | None) -> str:
        result = self(*words, **environ)
        assert result.exit_code in {1, 2}
        assert not result.stdout
        assert isinstance(result.exception, SystemExit), "a stack instead of a message"
        return result.stderr


@pytest.fixture
def footfall(database: MigratedDatabase) -> Footfall:
    return Footfall(database)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(organisations, "KEPT_SECONDS", 0.0)
    monkeypatch.setattr(organisations, "_MARGIN_SECONDS", 0.0)


def audited(database: MigratedDatabase) -> list[tuple[str, str]]:
    rows = database.execute(
        "SELECT action, target, actor, actor_role FROM app.audit_entries ORDER BY recorded_at"
    )
    assert all(actor.startswith("operator:") and role == "operator" for _, _, actor, role in rows)
    return [(action, target) for action, target, _, _ in rows]


def test_a_script_makes_an_organisation_and_a_key_that_works(
    footfall: Footfall, database: MigratedDatabase
) -> None:
    org_id = footfall.json("org", "create", "Acme")["org_id"]
    made = footfall.json(
        "key", "create", "--org", org_id, "--role", "service", "--subject", "backend"
    )
    assert made.keys() == {"key_id", "key"}
    key = read_api_key(made["key"])
    assert key is not None
    assert key.key_id == made["key_id"]
    [(owner, secret_hash, role, member_role)] = database.execute(
        "SELECT org_id, secret_hash, role, member_role FROM app.find_api_key(%s)",
        key.key_id,
        login="footfall_event_ingest",
    )
    assert (owner, role, member_role) == (UUID(org_id), "service", "service")
    assert key.opens(secret_hash)
    assert audited(database) == [
        ("organisation.create", org_id),
        ("member.add", "backend"),
        ("api_key.create", key.key_id),
    ]


def test_no_secret_of_a_key_reaches_the_audit_log_or_a_list(
    footfall: Footfall, organisation: Organisation
) -> None:
    made = footfall.json(
        "key", "create", "--org", organisation.org_id, "--role", "service", "--subject", "backend"
    )
    secret = made["key"].rpartition("_")[2]
    listed = footfall("key", "list", "--org", organisation.org_id, "--json").output
    logged = organisation.database.execute("SELECT details::text FROM app.audit_entries")
    assert secret not in listed + str(logged)
    assert "secret" not in listed


def test_what_is_set_is_kept_and_listed(footfall: Footfall) -> None:
    org_id = footfall.json(
        "org", "create", "Bäckerei & Söhne", "--time-zone", "Europe/Berlin", "--currency", "EUR",
        "--retention-days", "forever", "--keep-ip", "--calls-per-second", 50,
        "--events-per-day", 1_000_000,
    )["org_id"]  # fmt: skip
    [listed] = footfall.json("org", "list")["organisations"]
    created = datetime.fromisoformat(listed.pop("created_at"))
    assert datetime.now(UTC) - created < timedelta(minutes=1)
    assert listed == {
        "org_id": org_id,
        "name": "Bäckerei & Söhne",
        "time_zone": "Europe/Berlin",
        "currency": "EUR",
        "retention_days": None,
        "keep_ip": True,
        "calls_per_second": 50,
        "events_per_day": 1_000_000,
    }
    footfall.json(
        "org", "update", org_id, "--retention-days", 30, "--drop-ip", "--name", "Söhne",
        "--calls-per-second", "unlimited", "--time-zone", "UTC",
    )  # fmt: skip
    [changed] = footfall.json("org", "list")["organisations"]
    assert changed["created_at"]
    assert {name: value for name, value in changed.items() if value != listed.get(name)} == {
        "created_at": changed["created_at"],
        "name": "Söhne",
        "time_zone": "UTC",
        "retention_days": 30,
        "keep_ip": False,
        "calls_per_second": None,
    }


def test_people_get_words_and_tables(footfall: Footfall) -> None:
    assert footfall("org", "list").stdout == "There is none yet.\n"
    created = footfall("org", "create", "Acme [red]")
    org_id = footfall.json("org", "list")["organisations"][0]["org_id"]
    assert f"Created Acme [red]: {org_id}" in created.stdout
    assert f"key create --org {org_id}" in created.stdout.replace("\n", " ")
    assert "Acme [red]" in footfall("org", "list").stdout
    made = footfall("key", "create", "--org", org_id, "--role", "owner", "--subject", "olga")
    assert "Keep it now" in made.stdout
    assert "olga" in footfall("key", "list", "--org", org_id).stdout
    assert "owner" in footfall("member", "list", "--org", org_id).stdout


def test_a_time_zone_may_change_and_a_currency_until_the_first_cost(
    footfall: Footfall, organisation: Organisation, database: MigratedDatabase
) -> None:
    org_id = organisation.org_id
    _add_event(organisation)
    footfall.json("org", "update", org_id, "--currency", "EUR", "--time-zone", "Asia/Tokyo")
    assert database.execute("SELECT time_zone, currency FROM app.organisations") == [
        ("Asia/Tokyo", "EUR")
    ]
    database.execute("UPDATE app.events SET cost_nanos = 1")
    refusal = footfall.refusal("org", "update", org_id, "--currency", "CHF")
    assert "cannot change any more: it has events with costs" in " ".join(refusal.split())
    footfall.json("org", "update", org_id, "--currency", "EUR", "--name", "Other")
    footfall.json("org", "update", org_id, "--time-zone", "Europe/Berlin")


def test_a_rebuild_counts_the_events_that_there_are(
    footfall: Footfall, organisation: Organisation, database: MigratedDatabase
) -> None:
    org_id = organisation.org_id
    for _ in range(3):
        _add_event(organisation)
    for _ in range(2):
        assert footfall.json("rebuild", "--org", org_id) == {"org_id": str(org_id), "events": 3}
        assert database.execute("SELECT sum(events) FROM app.event_hourly") == [(3,)]
    assert footfall("rebuild", "--org", org_id).stdout == "Counted 3 events anew.\n"
    assert audited(database) == [("organisation.rebuild", str(org_id))] * 3
    assert "There is no organisation" in footfall.refusal("rebuild", "--org", uuid4())


def test_an_organisation_is_deleted_with_all_but_its_audit_log_and_its_neighbours_stay(
    footfall: Footfall, organisation: Organisation, other_organisation: Organisation
) -> None:
    database = organisation.database
    for one in (organisation, other_organisation):
        one.api_key()
        for _ in range(3):
            _add_event(one)
    answer = footfall.json("org", "delete", organisation.org_id, "--yes")
    assert answer["deleted"]["events"] == 3
    tables = [row[0] for row in database.execute(
        "SELECT DISTINCT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relnamespace = 'app'::regnamespace AND c.relkind IN ('r', 'p')"
        " AND NOT c.relispartition AND a.attname = 'org_id'"
    )]  # fmt: skip
    left = {
        table
        for table in tables
        if database.execute(
            f"SELECT 1 FROM app.{table} WHERE org_id = %s LIMIT 1", organisation.org_id
        )
    }
    assert left == {"audit_entries", "audit_heads"}
    assert [action for action, _ in audited(database)] == [
        "organisation.close",
        "organisation.delete",
    ]
    [listed] = footfall.json("org", "list")["organisations"]
    assert listed["org_id"] == str(other_organisation.org_id)
    assert database.execute("SELECT count(*) FROM app.events") == [(3,)]
    assert database.execute("SELECT count(*) FROM app.api_keys") == [(1,)]


def test_many_rows_are_deleted_in_batches(
    footfall: Footfall, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(organisations, "_BATCH_ROWS", 2)
    for _ in range(5):
        _add_event(organisation)
    answer = footfall.json("org", "delete", organisation.org_id, "--yes")
    assert answer["deleted"]["events"] == 5


def test_deleting_asks_first(footfall: Footfall, organisation: Organisation) -> None:
    assert "Aborted" in footfall.refusal("org", "delete", organisation.org_id)
    assert footfall.json("org", "list")["organisations"]


def test_a_key_is_listed_and_revoked(footfall: Footfall, organisation: Organisation) -> None:
    made = footfall.json(
        "key", "create", "--org", organisation.org_id, "--role", "service", "--subject", "backend",
        "--scope", "events:write", "--scope", "events:read", "--expires-in-days", 30,
        "--calls-per-second", 5,
    )  # fmt: skip
    [listed] = footfall.json("key", "list", "--org", organisation.org_id)["keys"]
    assert (listed["key_id"], listed["scopes"]) == (
        made["key_id"],
        ["events:read", "events:write"],
    )
    assert (listed["revoked_at"], listed["calls_per_second"]) == (None, 5)
    ends = datetime.fromisoformat(listed["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29) < ends <= timedelta(days=30)
    footfall.json("key", "revoke", made["key_id"])
    [first] = footfall.json("key", "list", "--org", organisation.org_id)["keys"]
    footfall.json("key", "revoke", made["key_id"])
    assert footfall.json("key", "list", "--org", organisation.org_id)["keys"] == [first]
    assert first["revoked_at"]
    assert [a for a, _ in audited(organisation.database)] == ["api_key.create", "api_key.revoke"]


def test_a_key_stronger_than_its_member_is_explained(
    footfall: Footfall, organisation: Organisation
) -> None:
    made = footfall(
        "key", "create", "--org", organisation.org_id, "--role", "owner", "--subject", "mia"
    )
    assert "mia may do less than owner: the key counts as member" in made.stdout.replace("\n", " ")


def test_members_come_change_and_go(footfall: Footfall, organisation: Organisation) -> None:
    org = ("--org", organisation.org_id)

    def zoe() -> Any:
        members = footfall.json("member", "list", *org)["members"]
        return next((one for one in members if one["subject"] == "zoe"), None)

    footfall.json("member", "add", "zoe", *org, "--role", "member")
    assert zoe()["role"] == "member"
    footfall.json("member", "set-role", "zoe", *org, "--role", "admin")
    assert zoe()["role"] == "admin"
    footfall.json("member", "disable", "zoe", *org)
    assert zoe()["disabled"]
    footfall.json("member", "enable", "zoe", *org)
    assert not zoe()["disabled"]
    again = footfall.refusal("member", "add", "zoe", *org, "--role", "owner")
    assert "already. Change the role with" in again
    footfall.json("member", "remove", "zoe", *org)
    assert zoe() is None
    assert [action for action, _ in audited(organisation.database)] == [
        "member.add",
        "member.set_role",
        "member.disable",
        "member.enable",
        "member.remove",
    ]


def test_a_token_is_revoked_in_its_organisation(
    footfall: Footfall, organisation: Organisation
) -> None:
    for days in (1, 90):
        footfall.json("token", "revoke", "t1", "--org", organisation.org_id, "--days", days)
    rows = organisation.database.execute("SELECT org_id, token_id FROM app.revoked_tokens")
    assert rows == [(organisation.org_id, "t1")]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("org", "create", ""), "1 to 200 characters"),
        (("org", "create", "a\nb"), "control character"),
        (("org", "create", "A", "--time-zone", "Europe/Berln"), "did you mean Europe/Berlin"),
        (("org", "create", "A", "--time-zone", "../../etc/hostname"), "no IANA time zone"),
        (("org", "create", "A", "--currency", "euro"), "USD or EUR"),
        (("org", "create", "A", "--retention-days", "0"), "from 1 to 36500 nor `forever`"),
        (("org", "create", "A", "--retention-days", "-1"), "from 1 to 36500 nor `forever`"),
        (("org", "create", "A", "--retention-days", "1e3"), "from 1 to 36500 nor `forever`"),
        (("org", "create", "A", "--calls-per-second", "many"), "nor `unlimited`"),
        (("org", "update", "acme", "--name", "A"), "no id; see `footfall org list`"),
        (("org", "update", uuid4()), "Nothing to change"),
        (("org", "update", uuid4(), "--name", "A"), "There is no organisation"),
        (("org", "delete", uuid4(), "--yes"), "There is no organisation"),
        (("key", "list", "--org", uuid4()), "There is no organisation"),
        (("key", "revoke", "nothing"), "There is no key nothing"),
        (("key", "create", "--org", uuid4(), "--role", "king", "--subject", "a"), "'king'"),
        (
            ("key", "create", "--org", uuid4(), "--role", "owner", "--subject", "a\x00"),
            "control character",
        ),
        (
            (
                "key",
                "create",
                "--org",
                uuid4(),
                "--role",
                "owner",
                "--subject",
                "a",
                "--scope",
                "x",
            ),
            "There are: approvals:decide, approvals:read, approvals:write, audit:read, ",
        ),
        (("member", "set-role", "a", "--org", uuid4(), "--role", "owner"), "no organisation"),
    ],
    ids=range(19),
)
def test_what_cannot_be_done_is_refused_in_words(
    words: tuple[object, ...], says: str, footfall: Footfall
) -> None:
    assert says in " ".join(footfall.refusal(*words).split())


def test_a_stranger_to_the_organisation_is_named(
    footfall: Footfall, organisation: Organisation
) -> None:
    for act in (("set-role", "--role", "owner"), ("remove",), ("disable",)):
        refusal = footfall.refusal(
            "member", act[0], "ghost", "--org", organisation.org_id, *act[1:]
        )
        assert "ghost is no member" in refusal


def test_without_a_database_it_is_said_what_to_do(footfall: Footfall, tmp_path: Any) -> None:
    nothing = dict.fromkeys(("FOOTFALL_DATABASE_URL", "FOOTFALL_FOOTFALL_OWNER_DATABASE_URL"))
    refusal = footfall.refusal(
        "org", "list", **{**nothing, "FOOTFALL_OWNER_DATABASE_URL": None},
        FOOTFALL_DATA_DIR=str(tmp_path),
    )  # fmt: skip
    assert "Start it with `footfall up`" in refusal
    url = "postgresql://footfall_owner:wrong@127.0.0.1:1/footfall"
    assert "127.0.0.1:1 does not let footfall_owner in, or is away" in footfall.refusal(
        "org", "list", FOOTFALL_OWNER_DATABASE_URL=url
    )


def test_without_a_schema_it_is_said_what_to_do(
    footfall: Footfall, database: MigratedDatabase
) -> None:
    database.execute("DROP SCHEMA app CASCADE")
    assert "`footfall migrate`" in footfall.refusal("org", "list")
    assert "`footfall migrate`" in footfall.refusal("org", "create", "Acme")


def _add_event(organisation: Organisation) -> None:
    organisation.database.execute(
        "INSERT INTO app.events (org_id, id_time, event_id, occurred_at, received_at, content_hash,"
        " type_id, impact) VALUES (%s, now(), gen_random_uuid(), now(), now(), 1, 1, 1)",
        organisation.org_id,
    )
